// SPDX-License-Identifier: Apache-2.0
#include "base/printable.hpp"

#include <algorithm>

namespace reseat {
namespace {

unsigned byte(std::string_view text, std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
}

/// The code point of a well-formed character.
char32_t decoded(std::string_view character) {
    if (character.size() == 1) return byte(character, 0);
    char32_t point = byte(character, 0) & (0x7fU >> character.size());
    for (std::size_t i = 1; i < character.size(); ++i) point = point << 6 | (byte(character, i) & 0x3f);
    return point;
}

/// Unicode 15: categories Cc, Zl and Zp, and the property Bidi_Control.
bool steers(char32_t point) {
    return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x61c || point == 0x200e ||
           point == 0x200f || (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
    const unsigned first = byte(text, 0), second = byte(text, 1);
    if (text.empty()) return 0;
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first < 0xc2 || first > 0xf4 || second < least || second > most) return 0;
    for (std::size_t i = 2; i < length; ++i)
        if ((byte(text, i) & 0xc0) != 0x80) return 0;
    return length;
}

std::string printable(std::string_view text, char instead) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const auto character = text.substr(0, std::max<std::size_t>(length, 1));
        if (length == 0 || steers(decoded(character)))
            result += instead;
        else
            result += character;
        text.remove_prefix(character.size());
    }
    return result;
}

std::string_view beginning(std::string_view text, std::size_t most) {
    if (text.size() <= most) return text;
    std::size_t end = most;
    while (end > 0 && most - end < 3 && (byte(text, end) & 0xc0) == 0x80) --end;
    return text.substr(0, (byte(text, end) & 0xc0) == 0x80 ? most : end);
}

}  // namespace reseat
