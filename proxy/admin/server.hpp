// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/routes.hpp"
#include "proxy/instance/listener.hpp"

#include <memory>

namespace reseat::proxy {

/// HTTP/1.1 on one listener, with limits of its own: 64 connections at a time, 16 of which may follow events.
/// When all are taken, one that has not asked anything yet gives way, the oldest first; if all are being
/// answered, which has deadlines (connection.hpp), the next one waits. Accepts until cancelled; then ends the
/// connections too. What `view` refers to must outlive every handler that this leaves in the loop.
Task<void> serve_admin(std::shared_ptr<Listener> listener, const AdminView& view);

}  // namespace reseat::proxy
