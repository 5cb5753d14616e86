// SPDX-License-Identifier: Apache-2.0
#include "lb/control/network_suspicion.hpp"

#include <algorithm>
#include <set>

namespace reseat::lb {

void NetworkSuspicion::on_silence(ServiceId service, const Address& host, Duration round, TimePoint now) {
    forget_before(now - kWindow);
    heard_.push_back({now, service, host, round});
}

bool NetworkSuspicion::begins(std::size_t services, TimePoint now) {
    forget_before(now - kWindow);
    if (now < over_at_) return false;
    const std::size_t hit = this->services();
    if (hit < 2 || 2 * hit < services || hosts() < 2) return false;
    round_ = std::ranges::max(heard_, {}, &Silence::round).round;
    over_at_ = now + round_;
    return true;
}

std::optional<TimePoint> NetworkSuspicion::hold_until(TimePoint now) const {
    return now < over_at_ ? std::optional(now + round_) : std::nullopt;
}

std::size_t NetworkSuspicion::services() const {
    std::set<ServiceId> distinct;
    for (const Silence& one : heard_) distinct.insert(one.service);
    return distinct.size();
}

std::size_t NetworkSuspicion::hosts() const {
    std::set<Address> distinct;
    for (const Silence& one : heard_) distinct.insert(one.host);
    return distinct.size();
}

void NetworkSuspicion::forget_before(TimePoint when) {
    while (!heard_.empty() && heard_.front().at < when) heard_.pop_front();
}

}  // namespace reseat::lb
