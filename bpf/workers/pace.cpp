// SPDX-License-Identifier: Apache-2.0
#include "bpf/workers/pace.hpp"

#include <algorithm>

namespace reseat::bpf {
namespace {

constexpr std::size_t kAtOnce = 100;
constexpr Duration kSpread = std::chrono::seconds(1);

}  // namespace

Pace::Pace(std::optional<Duration> spread, std::size_t count, TimePoint start)
    : count_(count), at_once_(spread ? 0 : kAtOnce), spread_(spread.value_or(kSpread)), start_(start) {
    if (spread_ <= Duration::zero()) at_once_ = count;
    at_once_ = std::min(at_once_, count_);
}

std::size_t Pace::due(TimePoint now) const {
    if (count_ == 0 || at_once_ == count_ || now - start_ >= spread_) return count_;
    const double share = std::max(0.0, std::chrono::duration<double>(now - start_) / spread_);
    const auto later = static_cast<double>(count_ - at_once_);
    // The first one at once: a client must be notified now.
    return std::clamp<std::size_t>(at_once_ + static_cast<std::size_t>(later * share), 1, count_);
}

}  // namespace reseat::bpf
