// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/checker.hpp"
#include "tests/unit/lb/health/probe/probe_server.hpp"

#include <list>
#include <vector>

namespace reseat::lb::test {

using namespace std::chrono_literals;

/// Probes once by itself and then practically never: what follows was woken by the watch.
inline const HealthCheck lazy = {.interval = 1h, .fast_interval = 1h, .unhealthy_interval = 1h};

/// Holds connections open and silent until it is killed.
class FakeBackend {
public:
    explicit FakeBackend(asio::io_context& io, std::string greeting = "")
        : acceptor_(io, to_tcp(loopback(0))), greeting_(std::move(greeting)) {
        endpoint = loopback(acceptor_.local_endpoint().port());
        run_aside(io.get_executor(), serve());
    }

    /// As the kernel does for a killed process: first the listener goes, then each connection.
    void die() {
        acceptor_.close();
        close_connections();
    }
    void stop_listening() { acceptor_.close(); }
    void close_connections() { held_.clear(); }
    void close_first() { held_.pop_front(); }
    std::size_t held() const { return held_.size(); }
    /// The other side of the first connection has closed or reset it.
    bool is_left() {
        char byte;
        const auto got = ::recv(held_.front().native_handle(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
        return got == 0 || (got < 0 && errno == ECONNRESET);
    }
    /// Binds the same port again, as a restarted process would.
    void restart() {
        acceptor_.open(tcp::v4());
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        acceptor_.bind(to_tcp(endpoint));
        acceptor_.listen();
        run_aside(acceptor_.get_executor(), serve());
    }

    Endpoint endpoint;
    unsigned accepted = 0;

private:
    Task<void> serve() {
        while (true) {
            auto [error, socket] = co_await acceptor_.async_accept(as_result);
            if (error) co_return;
            ++accepted;
            if (!greeting_.empty()) socket.send(asio::buffer(greeting_));
            held_.push_back(std::move(socket));
        }
    }

    tcp::acceptor acceptor_;
    std::list<tcp::socket> held_;
    std::string greeting_;
};

/// A Checker that runs in `io`, and everything that it told.
struct Checked {
    Checked(asio::io_context& loop, const HealthCheck& check, const Endpoint& backend, Duration delay = 0ms)
        : io(loop), checker(check, {backend}, {}, [this](const CheckStatus& status, const auto& event) {
              results.push_back(status);
              if (event) events.push_back(*event);
          }) {
        running = spawn(io.get_executor(), "check", checker.run(delay),
                        [this](const std::string& what) { failure = what; });
    }

    /// The Checker outlives its coroutine.
    ~Checked() {
        running.cancel();
        io.restart();
        while (io.poll() > 0) {
        }
    }

    bool until(const std::function<bool()>& done) { return run_until(io, done); }

    asio::io_context& io;
    std::vector<CheckStatus> results;
    std::vector<HealthEvent> events;
    std::string failure;
    Checker checker;
    Spawned running;
};

}  // namespace reseat::lb::test
