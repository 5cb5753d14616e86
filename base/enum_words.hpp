// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <type_traits>

/// The words of enumerations that are defined by BOOST_DEFINE_ENUM_CLASS: the names of their enumerators. For
/// what C++ does not allow as a name there is an underscore behind it: "auto" is `auto_`.
namespace reseat {

template <class E>
concept DescribedEnum = boost::describe::has_describe_enumerators<E>::value;

/// In the order of the definition.
template <DescribedEnum E>
constexpr auto enumerators() {
    return []<class... D>(boost::mp11::mp_list<D...>) {
        return std::array{D::value...};
    }(boost::mp11::mp_rename<boost::describe::describe_enumerators<E>, boost::mp11::mp_list>());
}

/// "unknown" for what is no enumerator.
template <DescribedEnum E>
constexpr std::string_view word_of(E value) {
    std::string_view word = "unknown";
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
        if (d.value == value) word = d.name;
    });
    if (word.ends_with('_')) word.remove_suffix(1);
    return word;
}

}  // namespace reseat
