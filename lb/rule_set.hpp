// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "lb/policy.hpp"

#include <array>
#include <cstdint>

namespace reseat::lb {

/// Policies as a data path looks them up: a rule is one destination of one policy, in the order of the
/// configuration. The rules of an address (the longest of `networks` that contains it) and those of a port
/// (the last of `ports[protocol]` that does not begin after it), both sets of bits, have the first that
/// matches as their lowest common bit; what that does not cost by is the number of rules.
struct RuleSet {
    using Rules = std::array<std::uint64_t, kMaxDestinations / 64>;  ///< bit n: rule n

    struct Network {
        Cidr cidr;
        Rules rules{};
    };
    struct PortSpan {
        std::uint16_t first = 0;
        Rules rules{};
    };

    std::vector<Network> networks;                     ///< each once; exceptions are networks too
    std::array<std::vector<PortSpan>, 2> ports;        ///< by protocol; the first begins at 0, ascending
    std::vector<std::optional<std::size_t>> verdicts;  ///< rule → the policy that denies; nothing: allowed
};

/// Error `invalid_config`: they are more than kMaxDestinations and its like allow.
Result<RuleSet> make_rule_set(std::span<const AccessPolicy> policies);

}  // namespace reseat::lb
