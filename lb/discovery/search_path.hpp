// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace reseat::lb {

/// What resolv.conf says about names that are not written in full.
struct SearchPath {
    std::vector<std::string> domains;
    unsigned ndots = 1;

    bool operator==(const SearchPath&) const = default;
};

/// The full names, with a dot at the end, that `name` may stand for, in the order in which they are tried:
/// the domains first, or last where it has `ndots` dots. A name that ends with a dot is full as it is.
std::vector<std::string> full_names(const std::string& name, const SearchPath& path);

}  // namespace reseat::lb
