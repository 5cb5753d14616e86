// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include <cstddef>
#include <string_view>

/// What the probes and the watch share: sockets, deadlines and the meaning of error numbers.
namespace reseat::lb {

using boost::system::error_code;

/// So much of an answer is looked at, whatever the peer sends; of the wire at most 4 times as much is read.
inline constexpr std::size_t kMaxAnswer = 64 * 1024;

/// co_await x(..., as_result) gives {error_code, ...} instead of throwing.
inline constexpr auto as_result = asio::as_tuple(asio::deferred);

/// How far an attempt has come when its time is up.
struct Progress {
    bool connected = false;
    std::size_t received = 0;  ///< bytes
    bool timed_out = false;    ///< set by within()
};

/// Runs `attempt` for at most `timeout` and measures it. A timeout is `no_answer`, `unresponsive` if it was
/// connected by then, or `answered_badly` if some of an answer had come; lack of memory is `not_probed`.
/// `progress` is what `attempt` writes to.
Task<ProbeResult> within(Duration timeout, Progress& progress, Task<ProbeResult> attempt);

/// "250ms", "1s".
std::string to_text(Duration duration);

/// Text of the configuration or of a peer, cut to what fits on a line beside other words, without
/// what is not printable.
std::string abbreviated(std::string_view text);

/// The meaning of a failed open or connect, TCP or UDP. Throws operation_aborted if that is the failure.
ProbeResult connect_failure(const error_code& error);

/// The meaning of a failure once connected: `what` was going on ("before the answer").
/// Throws operation_aborted if that is the failure.
ProbeResult talk_failure(const error_code& error, std::string_view what);

/// Opens a socket for the family of `endpoint` (close-on-exec, non-blocking) and has it prepared.
/// On failure it is closed; a preparer that throws counts as ENOTSUP.
error_code open(asio::ip::tcp::socket& socket, const Endpoint& endpoint, const SocketPreparer& prepare);
error_code open(asio::ip::udp::socket& socket, const Endpoint& endpoint, const SocketPreparer& prepare);

asio::ip::tcp::endpoint to_tcp(const Endpoint& endpoint);
asio::ip::udp::endpoint to_udp(const Endpoint& endpoint);

/// Looks for `wanted` in a stream that comes in pieces, however small, up to kMaxAnswer in all.
class Expectation {
public:
    explicit Expectation(std::string_view wanted) : wanted_(wanted) {}

    /// True once what was added so far contains it.
    bool add(std::string_view piece);
    bool full() const { return seen_ >= kMaxAnswer; }

private:
    std::string_view wanted_;
    std::string tail_;  ///< what may still become the beginning of a match
    std::size_t seen_ = 0;
};

}  // namespace reseat::lb
