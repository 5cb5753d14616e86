// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/connection.hpp"
#include "proxy/admin/listener.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace reseat::proxy {

/// HTTP/1.1 on one listener, with limits of its own: 64 connections at a time, 16 of which may follow events.
/// When all are taken, one that has not asked anything yet gives way, the oldest first; if all are being
/// answered, which has deadlines (connection.hpp), the next one waits.
class AdminServer {
public:
    /// What `view` refers to must outlive every handler that the end of run() leaves in the loop.
    AdminServer(std::unique_ptr<Listener> listener, const AdminView& view);

    /// Accepts until cancelled; then ends the connections too.
    lb::Task<void> run();

private:
    struct Guest {
        std::shared_ptr<Stage> stage;
        lb::Spawned task;
    };

    void start(Listener::Socket socket);
    bool make_room();
    bool may_follow() const;
    void forget_finished();

    std::unique_ptr<Listener> listener_;
    const AdminView& view_;
    std::map<std::uint64_t, Guest> guests_;  ///< the oldest first
    std::shared_ptr<std::vector<std::uint64_t>> finished_ = std::make_shared<std::vector<std::uint64_t>>();
    std::uint64_t next_id_ = 0;
};

}  // namespace reseat::proxy
