// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/manual/pages.hpp"
#include "proxy/manual/roff.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <vector>

namespace reseat::proxy {
namespace {

/// The text between `open` and `close` where `text` begins with `open`; takes it off.
std::optional<std::string_view> enclosed(std::string_view& text, std::string_view open,
                                         std::string_view close) {
    if (!text.starts_with(open)) return std::nullopt;
    const auto end = text.find(close, open.size());
    if (end == std::string_view::npos) return std::nullopt;
    const auto inside = text.substr(open.size(), end - open.size());
    text.remove_prefix(end + close.size());
    return inside;
}

/// Where [text](target) leads is left out: it is a file of the source tree.
std::optional<std::string_view> link(std::string_view& text) {
    std::string_view rest = text;
    const auto label = enclosed(rest, "[", "](");
    if (!label || label->find_first_of("[]\n") != std::string_view::npos) return std::nullopt;
    const auto end = rest.find(')');
    if (end == std::string_view::npos) return std::nullopt;
    text = rest.substr(end + 1);
    return label;
}

/// Markdown within a paragraph: `code`, *emphasis*, **strong emphasis**, [links](...).
std::string inline_roff(std::string_view text) {
    std::string out, plain;
    const auto flush = [&] {
        out += roff::escaped(plain);
        plain.clear();
    };
    while (!text.empty()) {
        if (const auto code = enclosed(text, "`", "`")) {
            flush();
            out += roff::bold(*code);
        } else if (auto strong = enclosed(text, "**", "**"); strong || (strong = enclosed(text, "*", "*"))) {
            flush();
            out += inline_roff(*strong);
        } else if (const auto label = link(text)) {
            flush();
            out += inline_roff(*label);
        } else {
            plain += text.front();
            text.remove_prefix(1);
        }
    }
    flush();
    return out;
}

/// A heading is no place for fonts.
std::string without_marks(std::string_view text) {
    std::string out;
    for (const char c : text)
        if (c != '`') out += c;
    return out;
}

/// A row of the tables: key, meaning, unit, default, range, elsewhere.
std::string row(std::string_view line) {
    std::vector<std::string> cells;
    for (std::size_t end; (end = line.find(" | ")) != std::string_view::npos; line.remove_prefix(end + 3))
        cells.emplace_back(line.substr(0, end));
    if (cells.size() != 5 || !line.ends_with(" |")) return "";
    cells.emplace_back(line.substr(0, line.size() - 2));
    const std::string unit = cells[2] == "-" ? "" : " (" + roff::escaped(cells[2]) + ")";
    std::string text = inline_roff(cells[1]) + ".\n.br\n";
    const auto add = [&](const char* what, const std::string& cell) {
        if (cell != "-") text += fmt::format("{}: {}. ", what, inline_roff(cell));
    };
    add("Default", cells[3]);
    add("Range", cells[4]);
    add("Elsewhere", cells[5]);
    text.erase(text.find_last_not_of(' ') + 1);
    return roff::item(inline_roff(cells[0].substr(2)) + unit, text);
}

bool is_rule(std::string_view line) {
    return line.starts_with("|---") || line.starts_with("| key |");
}

/// Turns lines of Markdown into roff, block by block.
class Writer {
public:
    void take(std::string_view line) {
        if (line.starts_with("```")) return fence();
        if (fenced_) return void(block_.append(line).append("\n"));
        if (line.empty()) return end_block();
        if (line.starts_with('#')) return heading(line);
        if (line.starts_with("| ") || is_rule(line)) return table(line);
        if (line.starts_with("- ")) {
            end_block();
            bulleted_ = true;
            line.remove_prefix(2);
        }
        const auto text = line.find_first_not_of(' ');
        block_.append(line.substr(text)).append("\n");
    }

    std::string end() {
        end_block();
        return std::move(out_);
    }

private:
    void fence() {
        if (fenced_) {
            out_ += roff::verbatim(block_);
            block_.clear();
        } else {
            end_block();
        }
        fenced_ = !fenced_;
    }

    void end_block() {
        if (!block_.empty())
            out_ += bulleted_ ? roff::bullet(inline_roff(block_)) : roff::paragraph(inline_roff(block_));
        block_.clear();
        bulleted_ = false;
    }

    void heading(std::string_view line) {
        end_block();
        const auto level = line.find(' ');
        const std::string text = without_marks(line.substr(level + 1));
        if (level == 2) out_ += roff::section(text);
        if (level > 2) out_ += roff::subsection(text);
    }

    void table(std::string_view line) {
        end_block();
        if (!is_rule(line)) out_ += row(line);
    }

    std::string out_;
    std::string block_;
    bool bulleted_ = false;
    bool fenced_ = false;
};

std::string from_markdown(const std::string& text) {
    Writer writer;
    for (const auto line : split(text, '\n')) writer.take(line);
    return writer.end();
}

}  // namespace

std::string config_page(const std::string& reference, const std::string& example) {
    return ".\\\" SPDX-License-Identifier: Apache-2.0\n" + roff::title("reseat.yaml", 5, RESEAT_VERSION) +
           roff::section("NAME") + "reseat.yaml \\- configuration of reseat(1)\n" +
           roff::section("DESCRIPTION") + from_markdown(reference) + roff::section("EXAMPLE") +
           roff::paragraph("Every option with its default:") + roff::verbatim(example) +
           roff::section("SEE ALSO") + roff::bold("reseat") + "(1)\n";
}

}  // namespace reseat::proxy
