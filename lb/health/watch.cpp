// SPDX-License-Identifier: Apache-2.0
#include "lb/health/watch.hpp"

#include "lb/health/probe_socket.hpp"
#include "lb/health/race.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>

namespace reseat::lb {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kCloses = 5;
constexpr Duration kFirstDelay = 1s;
constexpr Duration kLongestDelay = 5min;
/// A server that keeps an idle connection this long may have been restarted; it does not forbid them.
constexpr Duration kLongLife = 5min;

Task<error_code> connect(asio::ip::tcp::socket& socket, const Endpoint& backend) {
    const auto [error] = co_await socket.async_connect(to_tcp(backend), as_result);
    co_return error;
}

}  // namespace

Task<WatchEnd> hold_idle_connection(Endpoint backend, SocketPreparer prepare, Duration timeout) {
    asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
    if (open(socket, backend, prepare)) co_return WatchEnd::not_opened;
    const auto connected = co_await unless(timeout, connect(socket, backend));
    if (!connected) co_return WatchEnd::not_opened;
    if (*connected) {
        const bool refused = connect_failure(*connected).outcome == ProbeOutcome::refused;
        co_return refused ? WatchEnd::lost : WatchEnd::not_opened;
    }

    std::array<char, 512> dropped;
    for (std::size_t received = 0; received < kMaxAnswer;) {
        const auto [error, size] = co_await socket.async_read_some(asio::buffer(dropped), as_result);
        if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
        if (error) co_return WatchEnd::lost;
        received += size;
    }
    co_return WatchEnd::talkative;
}

std::optional<Duration> WatchBackoff::on_end(WatchEnd end, Duration lived) {
    if (end == WatchEnd::talkative) return std::nullopt;
    if (lived >= kLongLife) on_death();
    if (end == WatchEnd::lost && ++closed_ >= kCloses) return std::nullopt;
    delay_ = std::clamp(2 * delay_, Duration(kFirstDelay), Duration(kLongestDelay));
    return delay_;
}

void WatchBackoff::on_death() {
    closed_ = 0;
    delay_ = Duration::zero();
}

}  // namespace reseat::lb
