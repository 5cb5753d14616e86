// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/handles.hpp"
#include "bpf/sockets/diag_message.hpp"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace reseat::bpf {

/// The TCP states in which a socket may be ended: SYN_SENT, ESTABLISHED, CLOSE_WAIT, FIN_WAIT1/2. Never
/// LISTEN (a server) nor TIME_WAIT (no application to notify).
inline constexpr std::uint32_t kLiveTcpStates = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 5 | 1u << 8;
/// A UDP socket is only ever ended while it is connected: aborting another one would take its port away.
inline constexpr std::uint32_t kConnectedUdp = 1u << 1;

struct DumpFilter {
    std::uint8_t protocol = 0;  ///< IPPROTO_TCP or IPPROTO_UDP
    std::uint32_t states = 0;
    __be16 remote_port_be = 0;  ///< 0: any
};

/// sock_diag in the network namespace that the calling thread was in at open(). Blocks: SOCK_DESTROY waits
/// for the lock of the socket that it ends. Not for use from two threads at once.
class SockDiag {
public:
    static Result<SockDiag> open();

    /// Ends exactly these sockets, in batches. One entry per tuple: 0 or errno; ENOENT: there is no such
    /// socket (any more). Error: the channel itself failed.
    Result<std::vector<int>> destroy(std::span<const SocketTuple> tuples);

    /// The sockets with these tuples and cookies as they are now, one entry per tuple; nothing where there is
    /// none that is connected to that remote and may be ended (kLiveTcpStates, kConnectedUdp). Takes no
    /// socket's lock, but for `details`: DiagSocket::idle.
    Result<std::vector<std::optional<DiagSocket>>> find(std::span<const SocketTuple> tuples,
                                                        bool details = false);

    /// Calls `visit` for each socket, IPv4 first, then IPv6 (v4-mapped sockets are among the latter).
    /// An interrupted dump is repeated, so that a socket may be visited twice; one that is interrupted again
    /// and again is an error. Takes no socket's lock.
    Result<void> dump(const DumpFilter& filter, const std::function<void(const DiagSocket&)>& visit);

    /// The cookie of the network namespace that this sees; 0 before Linux 5.14.
    std::uint64_t netns() const;

private:
    using Bytes = std::span<const std::uint8_t>;

    explicit SockDiag(UniqueFd fd) : fd_(std::move(fd)) {}
    Result<bool> dump_family(int family, const DumpFilter& filter,
                             const std::function<void(const DiagSocket&)>& visit);
    Result<bool> collect_dump(std::uint32_t sequence, std::uint8_t protocol,
                              const std::function<void(const DiagSocket&)>& visit);
    Result<bool> find_batch(std::span<const SocketTuple> tuples, std::span<std::optional<DiagSocket>> found,
                            bool details);
    Result<void> send_batch(std::uint16_t type, std::span<const SocketTuple> tuples,
                            std::uint32_t first_sequence, bool details);
    Result<void> collect_errors(std::uint32_t first_sequence, std::span<int> outcomes);
    int receive_some(std::size_t most, const std::function<void(Bytes)>& visit) const;
    int receive(std::span<std::uint8_t> buffer, int flags, Bytes& answer) const;
    void drain();

    UniqueFd fd_;
    std::uint32_t sequence_ = 1;
};

}  // namespace reseat::bpf
