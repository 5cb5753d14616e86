// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/workers/batch.hpp"

#include <cstdint>
#include <memory>
#include <unordered_map>

namespace reseat::bpf {

/// Sockets whose lock a worker waits for: no other worker may wait for them too.
class StuckSockets {
public:
    /// Until the worker has returned from its call.
    void add(std::uint64_t cookie, std::weak_ptr<Calls> worker) { by_cookie_[cookie] = std::move(worker); }
    void forget_returned() {
        std::erase_if(by_cookie_, [](const auto& entry) { return entry.second.expired(); });
    }
    bool contains(std::uint64_t cookie) const { return by_cookie_.contains(cookie); }

private:
    std::unordered_map<std::uint64_t, std::weak_ptr<Calls>> by_cookie_;
};

}  // namespace reseat::bpf
