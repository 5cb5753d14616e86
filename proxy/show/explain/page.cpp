// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/explain/page.hpp"

#include "base/text.hpp"
#include "proxy/show/terminal.hpp"

#include <algorithm>

namespace reseat::proxy {

void Page::heading(std::string_view text) {
    text_ += (text_.empty() ? "" : "\n") + paint(text, Colour::dim, colours_) + "\n";
}

void Page::paragraph(std::string_view text, std::size_t indent) {
    constexpr std::size_t kMost = 100;  // longer lines are hard to read
    const std::size_t right = width_ == 0 ? 0 : std::min(width_, kMost);
    std::string line(indent, ' ');
    bool empty = true;
    for (const auto word : split(text, ' ')) {
        if (!empty && right != 0 && width(line) + 1 + width(word) > right) {
            text_ += line + "\n";
            line.assign(indent + 2, ' ');
            empty = true;
        }
        line.append(empty ? "" : " ").append(word);
        empty = false;
    }
    text_ += line + "\n";
}

void Page::command(std::string_view text) {
    text_.append(6, ' ').append(text).append("\n");
}

}  // namespace reseat::proxy
