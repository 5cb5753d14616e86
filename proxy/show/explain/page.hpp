// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace reseat::proxy {

/// Headings and paragraphs, broken between words where they would be wider than `width` (0: never).
class Page {
public:
    Page(std::size_t width, bool colours) : width_(width), colours_(colours) {}

    void heading(std::string_view text);
    /// Indented by `indent` columns, further lines by two more.
    void paragraph(std::string_view text, std::size_t indent = 2);
    /// A command to type: never broken.
    void command(std::string_view text);
    std::string text() const { return text_; }
    bool colours() const { return colours_; }

private:
    std::size_t width_;
    bool colours_;
    std::string text_;
};

}  // namespace reseat::proxy
