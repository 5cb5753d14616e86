// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "proxy/instance/listener.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace reseat::proxy {

/// The TCP address on which an instance may be queried, but not changed.
class TcpListener final : public Listener {
public:
    /// `failed`: the address is in use, or not local.
    static Result<std::unique_ptr<TcpListener>> listen(asio::any_io_executor executor,
                                                       const Endpoint& endpoint);

    ListenerKind door() const override { return ListenerKind::tcp; }
    Task<Socket> accept() override;

private:
    explicit TcpListener(asio::ip::tcp::acceptor acceptor) : acceptor_(std::move(acceptor)) {}

    asio::ip::tcp::acceptor acceptor_;
};

}  // namespace reseat::proxy
