// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/search_path.hpp"

#include <algorithm>

namespace reseat::lb {

std::vector<std::string> full_names(const std::string& name, const SearchPath& path) {
    if (name.ends_with('.')) return {name};
    std::vector<std::string> names;
    for (const std::string& domain : path.domains) {
        const std::string bare = domain.substr(0, domain.find_last_not_of('.') + 1);
        // "search .", as systemd-resolved and container engines write it, is the name itself.
        if (!bare.empty()) names.push_back(name + "." + bare + ".");
    }
    const bool itself_first = std::ranges::count(name, '.') >= std::ptrdiff_t(path.ndots);
    names.insert(itself_first ? names.begin() : names.end(), name + ".");
    return names;
}

}  // namespace reseat::lb
