// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/tcp_listener.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace reseat::proxy {
namespace {

using asio::ip::tcp;

/// A peer that vanished while it follows events is noticed after some three quarters of a minute.
void watch_over(tcp::socket& socket) {
    const auto set = [&](int level, int name, int value) {
        (void)::setsockopt(socket.native_handle(), level, name, &value, sizeof value);
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_NODELAY, 1);
}

}  // namespace

Result<std::unique_ptr<TcpListener>> TcpListener::listen(asio::any_io_executor executor,
                                                         const Endpoint& endpoint) {
    boost::system::error_code failure;
    const tcp::endpoint address(asio::ip::make_address(to_string(endpoint.address)), endpoint.port);
    tcp::acceptor acceptor(std::move(executor));
    acceptor.open(address.protocol(), failure);
    if (!failure) acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
    if (!failure && address.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), failure);
    if (!failure) acceptor.bind(address, failure);
    if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
    if (failure)
        return system_error("cannot listen on admin.address " + to_string(endpoint), failure.value());
    return std::unique_ptr<TcpListener>(new TcpListener(std::move(acceptor)));
}

Task<Listener::Socket> TcpListener::accept() {
    tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
    watch_over(socket);
    co_return std::move(socket);
}

}  // namespace reseat::proxy
