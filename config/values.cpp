// SPDX-License-Identifier: Apache-2.0
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>

namespace reseat::config {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_line = 1024;

std::string what_is(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null:
            return "nothing";
        case Node::Kind::sequence:
            return "a list";
        case Node::Kind::map:
            return "a map of keys";
        case Node::Kind::scalar:
            break;
    }
    return node.plain ? quote(node.text) : "the quoted text " + quote(node.text);
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

struct Unit {
    std::string_view word;
    Duration length;
};
constexpr Unit units[] = {{"h", 1h}, {"m", 1min}, {"s", 1s}, {"ms", 1ms}};

}  // namespace

void Value::fail(std::string_view message) const {
    out.error(node.at, fmt::format("{}: {}", key, message));
}

void Value::expected(std::string_view what) const {
    fail(fmt::format("expected {}, found {}", what, what_is(node)));
}

std::optional<std::size_t> choose(const Value& value, std::span<const std::string_view> words) {
    if (value.node.kind != Node::Kind::scalar) {
        value.expected(fmt::format("one of {}", fmt::join(words, ", ")));
        return std::nullopt;
    }
    const auto found = std::ranges::find(words, value.node.text);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    value.fail(quote(value.node.text) + " is not a choice" + suggestion(value.node.text, words));
    return std::nullopt;
}

std::optional<bool> boolean(const Value& value) {
    const auto& node = value.node;
    if (node.kind == Node::Kind::scalar && node.plain && node.text == "true") return true;
    if (node.kind == Node::Kind::scalar && node.plain && node.text == "false") return false;
    value.expected("true or false (without quotes)");
    return std::nullopt;
}

std::optional<std::string> line_or_empty(const Value& value) {
    const auto& text = value.node.text;
    if (value.node.kind != Node::Kind::scalar)
        value.expected("text (\"\" for none)");
    else if (text.size() > longest_line)
        value.fail(fmt::format("is {} bytes long; at most {} are allowed", text.size(), longest_line));
    else if (has_control(text))
        value.fail("contains a control character; remove it");  // the text may be a secret
    else
        return text;
    return std::nullopt;
}

std::optional<std::string> line_of_text(const Value& value) {
    if (value.node.kind != Node::Kind::scalar) {
        value.expected("text");
        return std::nullopt;
    }
    auto text = line_or_empty(value);
    if (!text || !text->empty()) return text;
    value.fail("is empty; write a value or remove the key");
    return std::nullopt;
}

std::optional<std::string> absolute_path(const Value& value) {
    auto path = line_of_text(value);
    if (!path || path->front() == '/') return path;
    value.fail(fmt::format("{} is not an absolute path; start it with '/'", quote(*path)));
    return std::nullopt;
}

bool is_visible_ascii(std::string_view text) {
    return std::ranges::none_of(text, [](unsigned char c) { return c <= 0x20 || c >= 0x7f; });
}

std::optional<std::string> server_name(const Value& value) {
    auto name = line_or_empty(value);
    const auto odd = [](unsigned char c) { return !std::isalnum(c) && (c == 0 || !std::strchr("-._:", c)); };
    if (!name || (name->size() <= 253 && std::ranges::none_of(*name, odd))) return name;
    value.fail(
        fmt::format("{} is not the name of a server; write it exactly as in its certificate", quote(*name)));
    return std::nullopt;
}

std::optional<std::string> http_host(const Value& value) {
    auto host = line_or_empty(value);
    if (!host || (is_visible_ascii(*host) && host->find('/') == std::string::npos)) return host;
    value.fail(
        fmt::format("{} is not a host name; write it as in a URL, without scheme and path", quote(*host)));
    return std::nullopt;
}

std::optional<std::string> name(const Value& value) {
    auto text = line_of_text(value);
    if (!text) return std::nullopt;
    const auto good = [](unsigned char c) { return std::isalnum(c) || (c != 0 && std::strchr("_.:-", c)); };
    if (text->size() <= 63 && std::ranges::all_of(*text, good) &&
        std::isalnum(static_cast<unsigned char>(text->front())))
        return text;
    value.fail(
        fmt::format("{} is not a name; use up to 63 letters, digits, '_', '.', ':' and '-', "
                    "the first a letter or a digit",
                    quote(*text)));
    return std::nullopt;
}

std::optional<Endpoint> any_endpoint(const Value& value) {
    if (value.node.kind != Node::Kind::scalar) {
        value.expected("an address such as 1.2.3.4:80 or [fd00::1]:80");
        return std::nullopt;
    }
    const auto text = line_of_text(value);
    if (!text) return std::nullopt;
    // The parser's message repeats the text: no more of it than fits on a line.
    constexpr std::size_t longest_endpoint = 64;
    if (text->size() > longest_endpoint) {
        value.expected("an address such as 1.2.3.4:80 or [fd00::1]:80");
        return std::nullopt;
    }
    const auto parsed = parse_endpoint(*text);
    if (parsed) return *parsed;
    value.fail(parsed.error().message);
    return std::nullopt;
}

namespace {

bool is_one_host(const Address& address, const Value& value) {
    if (!address.is_unspecified() && !address.is_multicast()) return true;
    value.fail(fmt::format("{} is {} address, which nothing can connect to; write the address of one host",
                           quote(value.node.text),
                           address.is_multicast() ? "a multicast" : "the unspecified"));
    return false;
}

}  // namespace

std::optional<Endpoint> endpoint(const Value& value) {
    const auto parsed = any_endpoint(value);
    return parsed && is_one_host(parsed->address, value) ? parsed : std::nullopt;
}

std::optional<Address> host_address(const Value& value) {
    const auto parsed = parse_address(value.node.text);
    if (value.node.kind == Node::Kind::scalar && parsed)
        return is_one_host(*parsed, value) ? std::optional(*parsed) : std::nullopt;
    value.expected("an address without a port, such as 1.2.3.4 or fd00::1");
    return std::nullopt;
}

std::optional<long long> whole_number(const Value& value, long long least, long long most) {
    const auto& node = value.node;
    const std::string range =
        least == most ? std::to_string(least) : fmt::format("a whole number from {} to {}", least, most);
    if (node.kind != Node::Kind::scalar || !node.plain) {
        value.expected(range + (node.kind == Node::Kind::scalar ? " without quotes" : ""));
        return std::nullopt;
    }
    const std::string_view text = node.text;
    const auto digits = text.substr(text.starts_with('-') ? 1 : 0);
    // A leading zero means octal to some and decimal to others.
    const bool is_number = !digits.empty() && std::ranges::all_of(digits, is_digit) &&
                           (digits.size() == 1 || digits.front() != '0');
    if (!is_number) {
        value.expected(range);
        return std::nullopt;
    }
    long long number = 0;
    const auto fault = std::from_chars(text.data(), text.data() + text.size(), number).ec;
    if (fault == std::errc{} && number >= least && number <= most) return number;
    value.fail(fmt::format("{} is out of range; write {}", quote(text), range));
    return std::nullopt;
}

std::optional<Duration> duration_in(std::string_view text) {
    Duration total{};
    std::size_t next_unit = 0;
    if (text.empty()) return std::nullopt;
    while (!text.empty()) {
        const auto digits = std::ranges::find_if_not(text, is_digit) - text.begin();
        const auto after = text.substr(static_cast<std::size_t>(digits));
        const auto letters = std::ranges::find_if(after, is_digit) - after.begin();
        const auto word = after.substr(0, static_cast<std::size_t>(letters));
        while (next_unit < std::size(units) && units[next_unit].word != word) ++next_unit;
        if (digits == 0 || next_unit == std::size(units)) return std::nullopt;
        long long amount = 0;
        const auto fault = std::from_chars(text.data(), text.data() + digits, amount).ec;
        const auto& unit = units[next_unit++];
        if (fault != std::errc{} || amount > (Duration::max() - total) / unit.length) return Duration::max();
        total += amount * unit.length;
        text = after.substr(word.size());
    }
    return total;
}

std::optional<Duration> duration(const Value& value, Duration least, Duration most) {
    const auto& node = value.node;
    const auto read = node.kind == Node::Kind::scalar ? duration_in(node.text) : std::nullopt;
    if (!read) {
        const bool no_unit =
            node.kind == Node::Kind::scalar && !node.text.empty() && std::ranges::all_of(node.text, is_digit);
        value.expected(no_unit ? fmt::format("a duration with its unit, such as {}s", node.text.substr(0, 9))
                               : "a duration such as 250ms, 5s or 1m30s");
        return std::nullopt;
    }
    if (*read >= least && *read <= most) return read;
    value.fail(fmt::format("{} is out of range; write a duration from {} to {}", quote(node.text),
                           to_string(least), to_string(most)));
    return std::nullopt;
}

std::string to_string(Duration duration) {
    std::string text;
    for (const auto& unit : units) {
        if (const auto amount = duration / unit.length; amount > 0)
            text += fmt::format("{}{}", amount, unit.word);
        duration %= unit.length;
    }
    return text.empty() ? "0s" : text;
}

}  // namespace reseat::config
