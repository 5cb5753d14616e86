// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace reseat::bpf {

class Baton;

/// Sockets whose lock a worker waits for: no other worker may wait for them too. Thread-safe.
class StuckSockets {
public:
    /// Until the worker with this baton is through.
    void add(std::uint64_t cookie, std::weak_ptr<Baton> worker) {
        const std::lock_guard lock(mutex_);
        by_cookie_[cookie] = std::move(worker);
    }

    bool contains(std::uint64_t cookie) {
        const std::lock_guard lock(mutex_);
        std::erase_if(by_cookie_, [](const auto& entry) { return entry.second.expired(); });
        return by_cookie_.contains(cookie);
    }

private:
    std::mutex mutex_;
    std::unordered_map<std::uint64_t, std::weak_ptr<Baton>> by_cookie_;
};

}  // namespace reseat::bpf
