// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <boost/asio/generic/stream_protocol.hpp>

namespace reseat::proxy {

/// The way by which a request came: it decides what may be asked.
enum class ListenerKind { unix_socket, tcp };

/// A socket on which an instance accepts clients.
class Listener {
public:
    using Socket = asio::generic::stream_protocol::socket;

    virtual ~Listener() = default;
    virtual ListenerKind door() const = 0;
    /// Throws boost::system::system_error, also when cancelled.
    virtual Task<Socket> accept() = 0;
};

}  // namespace reseat::proxy
