// SPDX-License-Identifier: Apache-2.0
#include "lb/health/check_history.hpp"

#include <algorithm>

namespace reseat::lb {

void CheckHistory::add(const CheckStatus& check) {
    using namespace std::chrono;
    const auto latency = duration_cast<microseconds>(check.result.latency).count();
    const PastCheck past{duration_cast<milliseconds>(check.at.time_since_epoch()).count(),
                         static_cast<std::uint32_t>(std::clamp<long long>(latency, 0, UINT32_MAX)),
                         check.result.outcome};
    ++counts_[static_cast<std::size_t>(past.outcome)];
    if (checks_.size() < kLength) {
        checks_.push_back(past);
        return;
    }
    checks_[next_] = past;
    next_ = (next_ + 1) % kLength;
}

std::vector<PastCheck> CheckHistory::last() const {
    std::vector<PastCheck> ordered(checks_.size());
    std::ranges::rotate_copy(checks_, checks_.begin() + static_cast<std::ptrdiff_t>(next_), ordered.begin());
    return ordered;
}

}  // namespace reseat::lb
