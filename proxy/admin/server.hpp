// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/routes.hpp"
#include "proxy/admin/socket.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace reseat::proxy {

/// HTTP/1.1 on the admin socket, one request a connection. Limits: 64 connections at a time (more wait in the
/// backlog), 5 s to send a request and 5 s to take its answer, 8 KiB of header, 64 KiB of body; peers other
/// than root and our own user get 403.
class AdminServer {
public:
    AdminServer(AdminSocket socket, AdminView view);

    /// Accepts until cancelled; then ends the connections too. The object must outlive the task and every
    /// handler that its end leaves in the loop.
    lb::Task<void> run();

private:
    using Socket = AdminSocket::Protocol::socket;

    lb::Task<void> serve(std::uint64_t id, Socket socket);
    void start(Socket socket);
    void forget_finished();

    AdminSocket socket_;
    AdminView view_;
    std::map<std::uint64_t, lb::Spawned> connections_;
    std::shared_ptr<std::vector<std::uint64_t>> finished_ = std::make_shared<std::vector<std::uint64_t>>();
    std::uint64_t next_id_ = 0;
};

}  // namespace reseat::proxy
