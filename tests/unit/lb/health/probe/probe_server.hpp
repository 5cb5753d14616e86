// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe_socket.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <functional>
#include <optional>
#include <string>

namespace reseat::lb::test {

using tcp = asio::ip::tcp;
using udp = asio::ip::udp;

inline Endpoint loopback(std::uint16_t port, Family family = Family::v4) {
    return {*parse_address(family == Family::v4 ? "127.0.0.1" : "::1"), port};
}

/// Runs the loop until `done` holds; false: it did not within ten seconds.
inline bool run_until(asio::io_context& io, const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(10));
    }
    return true;
}

/// Runs `task` to its end on `io` and returns what it returns.
template <class T>
T await(asio::io_context& io, Task<T> task) {
    std::optional<T> result;
    std::exception_ptr failure;
    bool ended = false;
    asio::co_spawn(io, std::move(task), [&](std::exception_ptr error, T value) {
        failure = error;
        result = std::move(value);
        ended = true;
    });
    REQUIRE(run_until(io, [&] { return ended; }));
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
}

/// Runs `task` for as long as `io` lives; how it ends does not matter.
inline void run_aside(asio::any_io_executor io, Task<void> task) {
    asio::co_spawn(io, std::move(task), [](std::exception_ptr) {});
}

/// A TCP server in this loop. Each accepted connection is handed to `serve`, which owns it.
/// The loop must not run any more once the server is gone.
class TcpServer {
public:
    using Serve = std::function<Task<void>(tcp::socket)>;

    TcpServer(asio::io_context& io, Serve serve, Family family = Family::v4)
        : acceptor_(io, to_tcp(loopback(0, family))), serve_(std::move(serve)) {
        run_aside(io.get_executor(), accept());
    }

    Endpoint endpoint() const {
        const auto local = acceptor_.local_endpoint();
        return loopback(local.port(), local.protocol() == tcp::v4() ? Family::v4 : Family::v6);
    }
    unsigned accepted() const { return accepted_; }

private:
    Task<void> accept() {
        while (true) {
            auto [error, socket] = co_await acceptor_.async_accept(as_result);
            if (error) co_return;
            ++accepted_;
            run_aside(acceptor_.get_executor(), serve_(std::move(socket)));
        }
    }

    tcp::acceptor acceptor_;
    Serve serve_;
    unsigned accepted_ = 0;
};

/// A port of 127.0.0.1 where nobody listens (TCP and UDP).
inline Endpoint dead_endpoint(asio::io_context& io) {
    tcp::acceptor listener(io, to_tcp(loopback(0)));
    return loopback(listener.local_endpoint().port());
}

}  // namespace reseat::lb::test
