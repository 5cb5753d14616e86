// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/text.hpp"

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

/// Described structures (Boost.Describe) as JSON, and back: a member is a key of the same name. Boost.JSON
/// does that, too, but refuses what has a key more or less than the structure, and an instance and the
/// command that asks it may be of different versions.
namespace reseat::proxy {

using SystemTime = std::chrono::system_clock::time_point;

/// What its structure has only at times: a key that is left out, not null, where nothing is there.
template <class T>
struct IfThere : std::optional<T> {
    using std::optional<T>::optional;
};

template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_optional<IfThere<T>> = true;

template <class T>
inline constexpr bool is_left_out = false;
template <class T>
inline constexpr bool is_left_out<IfThere<T>> = true;

template <class T>
using members_of = boost::describe::describe_members<T, boost::describe::mod_public>;

/// What is not there is null, or left out if it is IfThere. Times are UTC with milliseconds; a number is 2,
/// but 0.2.
template <class T>
boost::json::value to_json(const T& value) {
    if constexpr (is_list<T>) {
        boost::json::array list;
        for (const auto& item : value) list.push_back(to_json(item));
        return list;
    } else if constexpr (is_optional<T>) {
        return value ? to_json(*value) : boost::json::value(nullptr);
    } else if constexpr (boost::describe::has_describe_members<T>::value) {
        boost::json::object body;
        boost::mp11::mp_for_each<members_of<T>>([&](auto member) {
            const auto& field = value.*member.pointer;
            if constexpr (is_left_out<std::remove_cvref_t<decltype(field)>>)
                if (!field) return;
            body[member.name] = to_json(field);
        });
        return body;
    } else if constexpr (std::is_same_v<T, SystemTime>) {
        return boost::json::value(iso8601(value));
    } else if constexpr (std::is_same_v<T, std::chrono::microseconds>) {
        return value.count();
    } else if constexpr (std::is_same_v<T, double>) {
        const auto whole = static_cast<std::int64_t>(value);
        return static_cast<double>(whole) == value ? boost::json::value(whole) : boost::json::value(value);
    } else {
        return boost::json::value(value);
    }
}

/// A key that is missing, or null, leaves `into` as it is; one that is unknown is ignored. Text becomes safe
/// on a terminal. Throws for values of other types.
template <class T>
void read_json(const boost::json::value& from, T& into) {
    if (from.is_null()) return;
    if constexpr (is_list<T>) {
        for (const auto& item : from.as_array()) read_json(item, into.emplace_back());
    } else if constexpr (std::is_same_v<T, std::optional<SystemTime>>) {
        if (from.is_string()) into = parse_iso8601(std::string(from.as_string()));
    } else if constexpr (is_optional<T>) {
        read_json(from, into.emplace());
    } else if constexpr (boost::describe::has_describe_members<T>::value) {
        const auto& body = from.as_object();
        boost::mp11::mp_for_each<members_of<T>>([&](auto member) {
            if (const auto* value = body.if_contains(member.name)) read_json(*value, into.*member.pointer);
        });
    } else if constexpr (std::is_same_v<T, std::chrono::microseconds>) {
        into = T(from.to_number<std::int64_t>());
    } else if constexpr (std::is_same_v<T, bool>) {
        into = from.as_bool();
    } else if constexpr (std::is_arithmetic_v<T>) {
        into = from.to_number<T>();
    } else {
        into = one_line(std::string_view(from.as_string()));
    }
}

}  // namespace reseat::proxy
