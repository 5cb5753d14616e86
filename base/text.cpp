// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include "base/printable.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace reseat {

using namespace std::chrono_literals;

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> pieces;
    while (true) {
        const auto end = text.find(separator);
        pieces.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return pieces;
        text.remove_prefix(end + 1);
    }
}

std::string iso8601(std::chrono::system_clock::time_point at) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(at);
    const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(at - whole).count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), milliseconds);
}

std::optional<std::chrono::system_clock::time_point> parse_iso8601(const std::string& text) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (end == nullptr) return std::nullopt;
    if (*end == '.') do
            ++end;
        while (*end >= '0' && *end <= '9');
    if (*end == 'Z') ++end;
    if (*end != '\0') return std::nullopt;
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string counted(std::uint64_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string human(Duration duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    if (duration < 10ms) return fmt::format("{:.1f} ms", seconds * 1e3);
    if (duration < 1s) return fmt::format("{:.0f} ms", seconds * 1e3);
    if (duration < 10s) return fmt::format("{:.1f} s", seconds);
    if (duration < 2min) return fmt::format("{:.0f} s", seconds);
    if (duration < 2h) return fmt::format("{:.0f} min", seconds / 60);
    if (duration < 48h) return fmt::format("{:.0f} h", seconds / 3600);
    return fmt::format("{:.0f} d", seconds / 86400);
}

std::string one_line(std::string_view text) {
    return printable(text, ' ');
}

std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace reseat
