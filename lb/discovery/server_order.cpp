// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/server_order.hpp"

#include <algorithm>
#include <numeric>

namespace reseat::lb {

std::vector<std::size_t> ServerOrder::order(TimePoint now) const {
    std::vector<std::size_t> servers(distrusted_until_.size());
    std::iota(servers.begin(), servers.end(), 0U);
    // Clang 14 does not compile that of std::ranges.
    std::stable_partition(servers.begin(), servers.end(),
                          [&](std::size_t one) { return distrusted_until_[one] <= now; });
    return servers;
}

}  // namespace reseat::lb
