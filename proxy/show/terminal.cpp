// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/terminal.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include <sys/ioctl.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeast = 8;   ///< what is left of a shrunken column
const std::string kIndent(4, ' ');  ///< of notes
constexpr std::string_view kEllipsis = "…";

int why_not_written = 0;  ///< errno; the stream itself only remembers that it failed

std::string_view escape(Colour colour) {
    switch (colour) {
        case Colour::none:
            return "";
        case Colour::good:
            return "\033[32m";
        case Colour::bad:
            return "\033[31m";
        case Colour::warning:
            return "\033[33m";
        case Colour::dim:
            return "\033[2m";
    }
    return "";
}

/// The first `columns` of `text` (0: all), the last of them an ellipsis if something was cut.
std::string cut(const std::string& text, std::size_t columns) {
    if (columns == 0 || width(text) <= columns) return text;
    std::size_t end = 0;
    for (std::size_t seen = 0; end < text.size(); ++end)
        if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80 && ++seen == columns) break;
    return text.substr(0, end) + std::string(kEllipsis);
}

std::string aligned(const Cell& cell, std::size_t columns, bool right, bool last, bool colours) {
    const std::string text = cut(cell.text, columns);
    const std::string blank(columns - width(text), ' ');
    const std::string painted = paint(text, cell.colour, colours);
    if (right) return blank + painted;
    return last ? painted : painted + blank;
}

}  // namespace

int fail(const Error& error) {
    std::fprintf(stderr, "reseat: %s\n", one_line(error.message).c_str());
    return exit_status(error.code);
}

bool write_out(std::string_view text) {
    const bool sent =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (!sent && why_not_written == 0) why_not_written = errno;  // only the first one counts
    return std::ferror(stdout) == 0;
}

int written(int status) {
    if (write_out()) return status;
    const std::string reason = why_not_written == 0 ? "" : std::string(": ") + std::strerror(why_not_written);
    if (why_not_written != EPIPE) fail({ErrorCode::failed, "cannot write" + reason});
    return status != 0 ? status : exit_status(ErrorCode::failed);
}

bool use_colours() {
    const char* no_color = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
    return ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') && !dumb;
}

std::size_t terminal_width() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_col == 0 ? 80 : std::max<std::size_t>(40, size.ws_col);
}

std::string paint(std::string_view text, Colour colour, bool colours) {
    if (!colours || colour == Colour::none) return std::string(text);
    return std::string(escape(colour)) + std::string(text) + "\033[0m";
}

std::vector<std::size_t> Table::widths(std::size_t max_width) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t widest = width(columns_[i].title);
        for (const auto& row : rows_) widest = std::max(widest, width(row.cells[i].text));
        widths.push_back(widest);
    }
    const auto total = [&] {
        return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
    };
    while (max_width != 0 && total() > max_width) {  // the widest of the shrinkable gives way first
        std::size_t* widest = nullptr;
        for (std::size_t i = 0; i < columns_.size(); ++i)
            if (columns_[i].shrinkable && widths[i] > kLeast && (!widest || widths[i] > *widest))
                widest = &widths[i];
        if (!widest) break;
        --*widest;
    }
    return widths;
}

std::string Table::render(std::size_t max_width, bool colours) const {
    const auto columns = widths(max_width);
    std::string out;
    const auto line = [&](const std::vector<Cell>& row) {
        std::string text;
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const bool last = i + 1 == columns.size();
            text += aligned(row[i], columns[i], columns_[i].right, last, colours);
            if (!last) text.append(kGap, ' ');
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out += text + "\n";
    };
    std::vector<Cell> titles;
    for (const auto& column : columns_) titles.emplace_back(column.title, Colour::dim);
    line(titles);
    for (const auto& row : rows_) {
        line(row.cells);
        if (!row.note.empty()) out += cut(kIndent + row.note, max_width) + "\n";
    }
    return out;
}

}  // namespace reseat::proxy
