// SPDX-License-Identifier: Apache-2.0
#include "base/url.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

namespace reseat {
namespace {

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const auto digits = text.substr(i + 1, 2);
        unsigned value = 0;
        const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (digits.size() < 2 || fault != std::errc{} || end != digits.data() + 2) return std::nullopt;
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

}  // namespace

std::optional<std::vector<std::string>> path_of(std::string_view target) {
    if (!target.starts_with('/')) return std::nullopt;
    std::vector<std::string> parts;
    for (const auto part : split(target.substr(1, target.find('?') - 1), '/')) {
        auto decoded = percent_decoded(part);
        if (!decoded) return std::nullopt;
        parts.push_back(std::move(*decoded));
    }
    return parts;
}

std::optional<std::string> query_of(std::string_view target, std::string_view name) {
    const auto mark = target.find('?');
    if (mark == std::string_view::npos) return std::nullopt;
    for (const auto field : split(target.substr(mark + 1), '&'))
        if (field.size() > name.size() && field.starts_with(name) && field[name.size()] == '=')
            return percent_decoded(field.substr(name.size() + 1));
    return std::nullopt;
}

std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const unsigned char c : text) {
        if (std::isalnum(c) || std::string_view("-._~").find(static_cast<char>(c)) != std::string_view::npos)
            out += static_cast<char>(c);
        else
            out += fmt::format("%{:02X}", c);
    }
    return out;
}

}  // namespace reseat
