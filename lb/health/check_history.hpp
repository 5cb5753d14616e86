// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/checker.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace reseat::lb {

/// A check that was made, in 16 bytes.
struct PastCheck {
    std::int64_t at_ms = 0;  ///< since the epoch
    std::uint32_t latency_us = 0;
    ProbeOutcome outcome = ProbeOutcome::passed;
};
static_assert(sizeof(PastCheck) == 16);

/// The last checks of one backend, and how many there ever were: 1 KiB at the most.
class CheckHistory {
public:
    static constexpr std::size_t kLength = 60;

    void add(const CheckStatus& check);
    std::vector<PastCheck> last() const;  ///< the oldest first
    /// By ProbeOutcome.
    const std::array<std::uint64_t, kProbeOutcomes>& counts() const { return counts_; }

private:
    std::vector<PastCheck> checks_;
    std::size_t next_ = 0;  ///< in checks_, once that is full
    std::array<std::uint64_t, kProbeOutcomes> counts_{};
};

}  // namespace reseat::lb
