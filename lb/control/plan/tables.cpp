// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/tables.hpp"

#include "lb/select/maglev.hpp"
#include "lb/select/selection_table.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace reseat::lb {
namespace {

/// Those that are configured: health must not change the size of a table.
std::size_t configured(const ServiceState& state, Family family) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < state.backends.size(); ++i)
        count +=
            !state.backends[i].removing && state.service->backends[i].endpoint.address.family() == family;
    return count;
}

std::vector<std::uint32_t> by_maglev(const ServiceState& state, const Shares& shares) {
    std::unordered_map<LifeId, Endpoint> addresses;
    for (std::size_t i = 0; i < state.backends.size(); ++i)
        if (const auto& life = state.backends[i].life)
            addresses[life->id] = state.service->backends[i].endpoint;
    std::vector<MaglevBackend> backends;
    for (const Share& share : shares.lives) backends.push_back({addresses.at(share.life), share.weight});
    return maglev(backends, shares.maglev_size);
}

std::vector<std::uint32_t> by_turns(const Shares& shares) {
    std::vector<unsigned> weights;
    for (const Share& share : shares.lives) weights.push_back(share.weight);
    return smooth_weighted(weights);
}

}  // namespace

Shares share_out(const ServiceState& state, Family family, std::span<const std::size_t> members) {
    Shares shares;
    unsigned divisor = 0;
    for (const std::size_t member : members) {
        const BackendRecord& record = state.backends[member];
        shares.lives.push_back({record.life->id, record.weight * record.tenths});
        divisor = std::gcd(divisor, shares.lives.back().weight);
    }
    for (Share& share : shares.lives) share.weight /= divisor;
    if (state.service->lb_policy != LbPolicy::maglev) return shares;
    shares.maglev_size = maglev_size(configured(state, family));
    std::ranges::sort(shares.lives, {}, &Share::life);  // another order of backends makes the same table
    return shares;
}

std::vector<LifeId> slots_of(const ServiceState& state, Family family) {
    const Shares& shares = state.family(family).shares;
    std::vector<LifeId> slots;
    for (const std::uint32_t slot : shares.maglev_size ? by_maglev(state, shares) : by_turns(shares))
        slots.push_back(shares.lives[slot].life);
    return slots;
}

}  // namespace reseat::lb
