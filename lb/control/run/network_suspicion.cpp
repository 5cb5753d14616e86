// SPDX-License-Identifier: Apache-2.0
#include "lb/control/run/network_suspicion.hpp"

#include <algorithm>

namespace reseat::lb {

template <class Key>
std::size_t Machines::node_of(std::map<Key, std::size_t>& known, const Key& key, unsigned families) {
    const auto [place, is_new] = known.try_emplace(key, nodes_.size());
    if (is_new) {
        nodes_.push_back({nodes_.size(), families});
        ++count_[families];
    }
    return root_of(place->second);
}

std::size_t Machines::root_of(std::size_t node) {
    while (nodes_[node].parent != node) node = nodes_[node].parent = nodes_[nodes_[node].parent].parent;
    return node;
}

void Machines::add(const std::string& name, const Address& address) {
    const std::size_t named = node_of(by_name_, name, 0);
    const std::size_t addressed = node_of(by_address_, address, address.family() == Family::v4 ? 1 : 2);
    if (named == addressed) return;
    --count_[nodes_[named].families];
    --count_[nodes_[addressed].families];
    nodes_[named].parent = addressed;
    ++count_[nodes_[addressed].families |= nodes_[named].families];
}

void NetworkSuspicion::on_silence(const Silence& silence) {
    if (answered_at_ && silence.asked_at < *answered_at_) return;
    machines_.add(silence.backend, silence.address);
    services_.insert(silence.service);
    silent_round_ = std::max(silent_round_, silence.round);
}

bool NetworkSuspicion::on_answer(TimePoint now, bool was_silent) {
    answered_at_ = now;
    machines_.clear();
    services_.clear();
    silent_round_ = {};
    begun_ = false;
    if (was_silent) return false;
    const bool holds = now < held_to_;
    over_at_ = held_to_ = {};
    return holds;
}

bool NetworkSuspicion::begins(TimePoint now) {
    if (begun_ || now < over_at_ || machines() < 2) return false;
    begun_ = true;
    round_ = silent_round_;
    over_at_ = now + round_;
    return true;
}

std::optional<TimePoint> NetworkSuspicion::hold(TimePoint now) {
    if (now >= over_at_) return std::nullopt;
    held_to_ = now + round_;
    return held_to_;
}

}  // namespace reseat::lb
