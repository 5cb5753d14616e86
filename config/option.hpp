// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/map_reader.hpp"

#include <boost/json/value.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Tables of options. An option is told once, by its key, the field of the model that it sets, and its range
/// or reader:
///
///     option("interval", &HealthCheck::interval, 10ms, 24h)
///
/// From that follow how it is read, with its diagnostics, and how it is shown.
namespace reseat::config {

template <class Owner>
struct Option {
    std::string_view key;
    std::function<void(MapReader&, Owner&)> read;
    std::function<std::optional<boost::json::value>(const Owner&)> show;  ///< nothing: it is left out

    /// The same option, shown only where `condition` holds: elsewhere it has no effect.
    Option shown_if(std::predicate<const Owner&> auto condition) const {
        return {key, read, [show = show, condition](const Owner& from) {
                    return condition(from) ? show(from) : std::nullopt;
                }};
    }
};

template <class Owner>
using Options = std::vector<Option<Owner>>;

template <class Owner>
void read_options(MapReader& map, const Options<Owner>& options, Owner& into) {
    for (const auto& option : options) option.read(map, into);
}

template <class Owner>
void add_options(boost::json::object& body, const Options<Owner>& options, const Owner& from) {
    for (const auto& option : options)
        if (auto value = option.show(from)) body[option.key] = std::move(*value);
}

inline boost::json::value shown(Duration duration) {
    return boost::json::value(to_string(duration));
}
inline boost::json::value shown(const Address& address) {
    return boost::json::value(reseat::to_string(address));
}
inline boost::json::value shown(const std::string& text) {
    return boost::json::value(text);
}
boost::json::value shown(DescribedEnum auto choice) {
    return boost::json::value(word_of(choice));
}
template <std::integral T>
boost::json::value shown(T number_or_bool) {
    return number_or_bool;
}
template <class T>
std::optional<boost::json::value> shown(const std::optional<T>& value) {
    return value ? std::optional(shown(*value)) : std::nullopt;
}

/// Read by `read(Value)`, shown as `show(field)`.
template <class Owner, class T, std::invocable<const Value&> Read, std::invocable<const T&> Show>
Option<Owner> option(std::string_view key, T Owner::*field, Read read, Show show) {
    return {key, [=](MapReader& map, Owner& into) { map.field(key, into.*field, read); },
            [=](const Owner& from) -> std::optional<boost::json::value> { return show(from.*field); }};
}

template <class Owner, class T, std::invocable<const Value&> Read>
Option<Owner> option(std::string_view key, T Owner::*field, Read read) {
    return option(key, field, read, [](const T& value) { return shown(value); });
}

template <class Owner>
Option<Owner> option(std::string_view key, bool Owner::*field) {
    return option(key, field, boolean);
}

template <class Owner, std::integral T>
Option<Owner> option(std::string_view key, T Owner::*field, std::type_identity_t<T> least,
                     std::type_identity_t<T> most) {
    return option(key, field, number(least, most));
}

template <class Owner>
Option<Owner> option(std::string_view key, Duration Owner::*field, Duration least, Duration most) {
    return option(key, field, duration_between(least, most));
}

template <class Owner, DescribedEnum E>
Option<Owner> option(std::string_view key, E Owner::*field) {
    return option(key, field, one_of<E>());
}

/// Options in a map of their own, which belong to `part_of(owner)`.
template <class Owner, class Part, class PartOf>
Option<Owner> block(std::string_view key, const Options<Part>& options, PartOf part_of) {
    const auto read = [=](MapReader& map, Owner& into) {
        map.block(key, [&](const Value& value) {
            MapReader inner(value, map);
            read_options(inner, options, part_of(into));
            inner.finish();
        });
    };
    const auto show = [=](const Owner& from) -> std::optional<boost::json::value> {
        boost::json::object body;
        add_options(body, options, part_of(from));
        return body;
    };
    return {key, read, show};
}

template <class Owner, class Part>
Option<Owner> block(std::string_view key, Part Owner::*part, const Options<Part>& options) {
    return block<Owner>(
        key, options, [part](auto& owner) -> auto& { return owner.*part; });
}

/// Options of the owner itself in a map of their own.
template <class Owner>
Option<Owner> block(std::string_view key, const Options<Owner>& options) {
    return block<Owner>(
        key, options, [](auto& owner) -> auto& { return owner; });
}

}  // namespace reseat::config
