// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/names.hpp"

#include <string>
#include <vector>

namespace reseat::lb {

/// A line for people.
struct NameNews {
    std::string line;
    bool bad = false;

    bool operator==(const NameNews&) const = default;
};

/// What is new since `before`, of the same services or others, each line once: addresses that changed or are
/// known for the first time, a name that cannot be resolved from now on, one that can again. Trying again in
/// vain is no news.
std::vector<NameNews> name_news(const std::vector<NameView>& before, const std::vector<NameView>& now,
                                TimePoint at);

}  // namespace reseat::lb
