// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/stage.hpp"

#include <atomic>

namespace reseat::bench {

/// Idle TCP clients in one process of the workload that waits for news of them with epoll.
class IdleClients {
public:
    IdleClients(const Stage& stage, const Endpoint& service, unsigned count);

    /// Connects all of them, after waiting until the service's answers come from the server whose name
    /// begins with `home`. Throws std::runtime_error.
    void connect(char home);

    unsigned told() const { return seen_->told; }
    /// When the last of those that were told was told, as now_ns().
    std::int64_t last_told() const { return seen_->last; }
    bool all_told() const { return told() == count_; }
    /// Throws std::runtime_error after ten seconds.
    void wait_until_all_told() const;

private:
    struct Seen {
        std::atomic<unsigned> told = 0;
        std::atomic<std::int64_t> last = 0;
    };
    int live(const Endpoint& service);
    void play_round(const test::SocketAddress& address, char home);

    unsigned count_;
    Shared<Seen> seen_;
    Channel channel_;
    Process process_;
};

}  // namespace reseat::bench
