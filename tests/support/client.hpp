// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "tests/support/socket_address.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace reseat::test {

using std::chrono::milliseconds;

struct Received {
    int error = 0;  ///< errno; EAGAIN: nothing came in time
    std::string text;
    std::optional<Endpoint> from;  ///< as recvfrom() tells it: UDP only
};

/// A TCP or UDP client socket, as an application has it. Calls answer with errno (0: fine) and never block
/// longer than they are told. An AF_INET6 socket reaches IPv4 endpoints by v4-mapped addresses.
class Client {
public:
    explicit Client(UniqueFd fd);

    int fd() const { return fd_.get(); }
    Family family() const { return family_ == AF_INET6 ? Family::v6 : Family::v4; }
    void close() { fd_.reset(); }

    int bind(const Where& local);
    /// ETIMEDOUT also when it is still under way at the deadline.
    int connect(const Where& to, milliseconds within = std::chrono::seconds(5));
    /// TCP: EINPROGRESS, then finish_connect().
    int connect_nonblocking(const Where& to);
    int finish_connect(milliseconds within = std::chrono::seconds(5));
    /// connect(AF_UNSPEC).
    int disconnect();

    int send(std::string_view text);
    int send_to(const Where& to, std::string_view text);
    Received recv(milliseconds within = std::chrono::seconds(5));
    /// The errno of the next recv(): 0 for data and for end of file, EAGAIN when nothing came in time.
    int recv_error(milliseconds within = std::chrono::seconds(5));
    /// SO_ERROR, which this clears.
    int pending_error();

    /// Sends `text` to an EchoServer; the name of the one that answered, "" when none did in time. Answers
    /// to earlier texts are skipped. A datagram that is not answered within a second is sent again.
    std::string echo(std::string_view text, milliseconds within = std::chrono::seconds(5));
    bool echoes(std::string_view text) { return !echo(text).empty(); }
    /// Neither data nor an error nor an end comes for so long.
    bool is_silent(milliseconds during = std::chrono::milliseconds(100));

    std::optional<Endpoint> peer() const;         ///< getpeername(): what the application is told
    std::optional<Endpoint> actual_peer() const;  ///< what the kernel has; none when not connected
    std::optional<Endpoint> local() const;
    std::uint64_t cookie() const;

private:
    int option(int name) const;
    bool poll_for(short events, milliseconds within) const;

    UniqueFd fd_;
    int family_ = 0;
    bool stream_ = false;
};

}  // namespace reseat::test
