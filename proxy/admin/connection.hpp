// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/routes.hpp"
#include "proxy/instance/listener.hpp"

#include <functional>
#include <memory>

namespace reseat::proxy {

/// What a connection is at.
enum class Stage {
    waiting,    ///< for a whole request
    answering,  ///< at most as long as what is asked for takes, and 5 s to take the answer
    following,  ///< events, until it leaves or is too slow
};

struct Connection {
    Listener::Socket socket;
    ListenerKind door;
    const AdminView& view;
    std::function<bool()> may_follow;  ///< one more may
};

/// Answers requests, one after the other, until the peer leaves or is not worth waiting for: 5 s for the
/// first whole request, 15 s for each that follows, 5 s without taking anything of an answer; at most 8 KiB
/// of header and 64 KiB of body. What was sent ahead of an answer is not read: the connection ends after it.
/// Peers at the Unix socket other than root and our own user get 403. Keeps `stage` up to date.
Task<void> serve(Connection connection, std::shared_ptr<Stage> stage);

}  // namespace reseat::proxy
