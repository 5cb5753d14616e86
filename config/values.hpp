// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/enum_words.hpp"
#include "config/config_file.hpp"
#include "config/did_you_mean.hpp"
#include "config/yaml_tree.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// Readers of single values. Each takes the value as written and returns what it means; or reports at its
/// position what was expected, and returns nothing.
namespace reseat::config {

/// A node on its way into an option: `key` is named in messages.
struct Value {
    const Node& node;
    std::string_view key;
    Diagnostics& out;

    Value with(const Node& other) const { return {other, key, out}; }
    void fail(std::string_view message) const;
    /// "interval: expected a duration, found 'x'"
    void expected(std::string_view what) const;
};

std::optional<bool> boolean(const Value& value);
/// Text without control characters that is not empty.
std::optional<std::string> line_of_text(const Value& value);
/// "", or as line_of_text().
std::optional<std::string> line_or_empty(const Value& value);
/// What is sent to a backend or looked for in its answer: any text, or {hex: "a4 00 ff"}, of at most 4096
/// bytes. Warns of an escape that surely was meant as a byte.
std::optional<std::string> payload(const Value& value);
/// Neither blanks nor control characters.
bool is_visible_ascii(std::string_view text);
/// A name for SNI, or an address; or "".
std::optional<std::string> server_name(const Value& value);
/// In the form of a Host header, or "".
std::optional<std::string> http_host(const Value& value);
std::optional<std::string> absolute_path(const Value& value);
/// Of a service, backend or policy: [A-Za-z0-9][A-Za-z0-9_.:-]{0,62}
std::optional<std::string> name(const Value& value);
std::optional<Endpoint> any_endpoint(const Value& value);
/// The address of one host, without a port.
std::optional<Address> host_address(const Value& value);
/// One that something can connect to: not unspecified, not multicast.
std::optional<Endpoint> endpoint(const Value& value);

std::optional<long long> whole_number(const Value& value, long long least, long long most);
/// "250ms", "5s", "1m30s": units h, m, s, ms, each at most once and in this order.
std::optional<Duration> duration(const Value& value, Duration least, Duration most);
/// Nothing if `text` is no duration; one that is beyond any range comes back as duration::max().
std::optional<Duration> duration_in(std::string_view text);
std::string to_string(Duration duration);

/// The place of the value among `words`.
std::optional<std::size_t> choose(const Value& value, std::span<const std::string_view> words);

template <std::integral T>
auto number(T least, T most) {
    return [=](const Value& value) -> std::optional<T> {
        const auto read = whole_number(value, static_cast<long long>(least), static_cast<long long>(most));
        return read ? std::optional<T>(static_cast<T>(*read)) : std::nullopt;
    };
}

inline auto duration_between(Duration least, Duration most) {
    return [=](const Value& value) { return duration(value, least, most); };
}

/// One of these, by its word.
template <DescribedEnum E, std::size_t N>
auto one_of(const std::array<E, N>& choices) {
    return [choices](const Value& value) -> std::optional<E> {
        std::array<std::string_view, N> words;
        std::ranges::transform(choices, words.begin(), word_of<E>);
        const auto choice = choose(value, words);
        return choice ? std::optional(choices[*choice]) : std::nullopt;
    };
}

template <DescribedEnum E>
auto one_of() {
    return one_of(enumerators<E>());
}

}  // namespace reseat::config
