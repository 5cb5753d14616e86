// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/sock_diag.hpp"

#include "bpf/maps/byte_order.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace reseat::bpf {
namespace {

constexpr std::size_t kBatch = 128;              // KERNEL: 100-200 a send is cheapest
constexpr int kReceiveBuffer = 4 * 1024 * 1024;  // an error reply for each socket of a batch, and dumps
constexpr std::size_t kAnswer = 16 * 1024;
constexpr std::size_t kSmallAnswer = 1024;  // one socket, with details
constexpr std::size_t kDumpBuffer = 256 * 1024;
constexpr int kAttempts = 5;
constexpr int kFindAttempts = 8;  // until only one is asked for at a time
constexpr std::size_t kRequestSize = NLMSG_ALIGN(sizeof(nlmsghdr) + sizeof(inet_diag_req_v2));

/// The one meant, and really connected to the peer meant: a tuple may also find a listener, a socket that was
/// unconnected since, or what TIME_WAIT left of one.
bool may_be_ended(const DiagSocket& socket, const SocketTuple& meant) {
    const std::uint32_t states = meant.remote.protocol == IPPROTO_TCP ? kLiveTcpStates : kConnectedUdp;
    return socket.tuple.cookie == meant.cookie && (states & 1u << socket.state) &&
           same_endpoint(socket.tuple.remote, meant.remote);
}

Error interrupted() {
    return {ErrorCode::failed, "sock_diag: the answer was truncated repeatedly; it is tried again"};
}

/// nlmsg_len .. nlmsg_seq and the payload, at `to`.
void put_request(std::uint8_t* to, std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                 const inet_diag_req_v2& request) {
    const nlmsghdr header{.nlmsg_len = NLMSG_LENGTH(sizeof(request)),
                          .nlmsg_type = type,
                          .nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags),
                          .nlmsg_seq = sequence,
                          .nlmsg_pid = 0};
    std::memcpy(to, &header, sizeof(header));
    std::memcpy(to + NLMSG_HDRLEN, &request, sizeof(request));
}

}  // namespace

Result<SockDiag> SockDiag::open() {
    UniqueFd fd(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!fd) return system_error("netlink sock_diag", errno, ErrorCode::unsupported);
    if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer)) != 0)
        setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof(kReceiveBuffer));
    const timeval patience{5, 0};  // the kernel answers before send() returns; this is for a lost answer
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return SockDiag(std::move(fd));
}

std::uint64_t SockDiag::netns() const {
#ifndef SO_NETNS_COOKIE
    constexpr int SO_NETNS_COOKIE = 71;
#endif
    std::uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);
    getsockopt(fd_.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length);
    return cookie;
}

/// errno; 0: `answer` is what the kernel sent, empty where another sender did. ENOBUFS: something was lost.
int SockDiag::receive(std::span<std::uint8_t> buffer, int flags, Bytes& answer) const {
    sockaddr_nl from{};
    socklen_t from_length = sizeof(from);
    ssize_t length = -1;
    do {
        length = recvfrom(fd_.get(), buffer.data(), buffer.size(), flags | MSG_TRUNC,
                          reinterpret_cast<sockaddr*>(&from), &from_length);
    } while (length < 0 && errno == EINTR);
    if (length < 0) return errno;
    if (static_cast<std::size_t>(length) > buffer.size()) return ENOBUFS;
    answer = from.nl_pid == 0 ? Bytes(buffer.data(), static_cast<std::size_t>(length)) : Bytes();
    return 0;
}

/// errno; 0: `visit` has seen at least one answer of the kernel's, or none where another sender did. The
/// first is waited for; up to `most` small ones come by one system call.
int SockDiag::receive_some(std::size_t most, const std::function<void(Bytes)>& visit) const {
    alignas(nlmsghdr) std::array<std::array<std::uint8_t, kSmallAnswer>, kBatch> buffers;
    std::array<iovec, kBatch> places;
    std::array<sockaddr_nl, kBatch> from{};
    std::array<mmsghdr, kBatch> answers{};
    most = std::min(most, kBatch);
    for (std::size_t i = 0; i < most; ++i) {
        places[i] = {buffers[i].data(), buffers[i].size()};
        answers[i].msg_hdr.msg_name = &from[i];
        answers[i].msg_hdr.msg_namelen = sizeof(from[i]);
        answers[i].msg_hdr.msg_iov = &places[i];
        answers[i].msg_hdr.msg_iovlen = 1;
    }
    int count = -1;
    do {
        count = recvmmsg(fd_.get(), answers.data(), static_cast<unsigned>(most), MSG_WAITFORONE, nullptr);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return errno;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        if (answers[i].msg_hdr.msg_flags & MSG_TRUNC) return ENOBUFS;
        if (from[i].nl_pid == 0) visit(Bytes(buffers[i].data(), answers[i].msg_len));
    }
    return 0;
}

/// After answers were dropped: the kernel says so only once until all others were taken. And until a dump
/// that was given up is at its end, it refuses the next with EBUSY.
void SockDiag::drain() {
    std::vector<std::uint8_t> buffer(kDumpBuffer);
    Bytes ignored;
    int error = 0;
    while (error == 0 || error == ENOBUFS) error = receive(buffer, MSG_DONTWAIT, ignored);
}

Result<void> SockDiag::send_batch(std::uint16_t type, std::span<const SocketTuple> tuples,
                                  std::uint32_t first_sequence, bool details) {
    std::array<std::uint8_t, kBatch * kRequestSize> buffer{};
    for (std::size_t i = 0; i < tuples.size(); ++i) {
        // Failures are always answered, and what is found; of the sockets that were ended only the last, so
        // that there is an end to wait for.
        const bool acknowledge = type == SOCK_DESTROY && i + 1 == tuples.size();
        SocketTuple tuple = tuples[i];
        // For UDP the kernel wants source and destination the other way round here (and only here).
        if (type == SOCK_DIAG_BY_FAMILY && tuple.remote.protocol == IPPROTO_UDP)
            std::swap(tuple.local, tuple.remote);
        put_request(buffer.data() + i * kRequestSize, type, acknowledge ? NLM_F_ACK : 0,
                    first_sequence + static_cast<std::uint32_t>(i), diag_request(tuple, details));
    }
    while (send(fd_.get(), buffer.data(), tuples.size() * kRequestSize, 0) < 0)
        if (errno != EINTR) return system_error("sock_diag request", errno);
    return {};
}

Result<void> SockDiag::collect_errors(std::uint32_t first_sequence, std::span<int> outcomes) {
    alignas(nlmsghdr) std::array<std::uint8_t, kAnswer> buffer;
    bool last = false;
    while (!last) {
        Bytes answer;
        const int error = receive(buffer, 0, answer);
        if (error == ENOBUFS) {  // answers were dropped: what is unknown is looked at again
            std::ranges::replace(outcomes, 0, EAGAIN);
            drain();
            return {};
        }
        if (error) return system_error("SOCK_DESTROY answer", error);
        read_diag_messages(answer, 0, [&](const DiagMessage& message) {
            const std::uint32_t position = message.sequence - first_sequence;
            if (message.kind != DiagMessage::Kind::error || position >= outcomes.size()) return;
            outcomes[position] = message.error;
            if (position + 1 == outcomes.size()) last = true;
        });
    }
    return {};
}

Result<std::vector<int>> SockDiag::destroy(std::span<const SocketTuple> tuples) {
    std::vector<int> outcomes(tuples.size(), 0);
    for (std::size_t from = 0; from < tuples.size(); from += kBatch) {
        const std::size_t size = std::min(kBatch, tuples.size() - from);
        const std::uint32_t first = sequence_;
        sequence_ += static_cast<std::uint32_t>(size);
        if (auto sent = send_batch(SOCK_DESTROY, tuples.subspan(from, size), first, false); !sent)
            return sent.error();
        if (auto heard = collect_errors(first, std::span(outcomes).subspan(from, size)); !heard)
            return heard.error();
    }
    return outcomes;
}

Result<std::vector<std::optional<DiagSocket>>> SockDiag::find(std::span<const SocketTuple> tuples,
                                                              bool details) {
    std::vector<std::optional<DiagSocket>> found(tuples.size());
    std::size_t most = kBatch, size = 0;
    for (std::size_t from = 0; from < tuples.size(); from += size) {
        for (int attempt = 0;; ++attempt) {
            size = std::min(most, tuples.size() - from);
            auto heard =
                find_batch(tuples.subspan(from, size), std::span(found).subspan(from, size), details);
            if (!heard) return heard.error();
            if (*heard) break;
            if (attempt == kFindAttempts) return interrupted();
            drain();
            most = std::max<std::size_t>(1, size / 2);  // so many answers did not fit
        }
    }
    return found;
}

/// False: answers were dropped.
Result<bool> SockDiag::find_batch(std::span<const SocketTuple> tuples,
                                  std::span<std::optional<DiagSocket>> found, bool details) {
    const std::uint32_t first = sequence_;
    sequence_ += static_cast<std::uint32_t>(tuples.size());
    if (auto sent = send_batch(SOCK_DIAG_BY_FAMILY, tuples, first, details); !sent) return sent.error();
    std::size_t heard = 0;
    const auto hear = [&](const DiagMessage& message) {
        const std::uint32_t position = message.sequence - first;
        if (position >= tuples.size()) return;  // of an earlier request
        ++heard;
        if (message.kind != DiagMessage::Kind::socket) return;  // ENOENT
        DiagSocket socket = message.socket;
        socket.tuple.local.protocol = socket.tuple.remote.protocol = tuples[position].remote.protocol;
        if (may_be_ended(socket, tuples[position])) found[position] = std::move(socket);
    };
    while (heard < tuples.size()) {
        const int error = receive_some(tuples.size() - heard, [&](Bytes answer) {
            read_diag_messages(answer, tuples.front().remote.protocol, hear);
        });
        if (error == ENOBUFS) return false;
        if (error) return system_error("sock_diag answer", error);
    }
    return true;
}

Result<void> SockDiag::dump(const DumpFilter& filter, const std::function<void(const DiagSocket&)>& visit) {
    for (const int family : {AF_INET, AF_INET6}) {
        for (int attempt = 0;; ++attempt) {
            auto complete = dump_family(family, filter, visit);
            if (!complete) return complete.error();
            if (*complete) break;
            if (attempt == kAttempts) return interrupted();
        }
    }
    return {};
}

/// False: the table changed or an answer was dropped in the middle, something may be missing.
Result<bool> SockDiag::dump_family(int family, const DumpFilter& filter,
                                   const std::function<void(const DiagSocket&)>& visit) {
    inet_diag_req_v2 request{};
    request.sdiag_family = static_cast<std::uint8_t>(family);
    request.sdiag_protocol = filter.protocol;
    request.idiag_states = filter.states;
    request.id.idiag_dport = filter.remote_port_be;
    const std::uint32_t sequence = sequence_++;
    std::array<std::uint8_t, kRequestSize> message{};
    put_request(message.data(), SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sequence, request);
    if (send(fd_.get(), message.data(), message.size(), 0) < 0) return system_error("sock_diag dump", errno);
    auto complete = collect_dump(sequence, filter.protocol, visit);
    if (!complete) drain();
    return complete;
}

Result<bool> SockDiag::collect_dump(std::uint32_t sequence, std::uint8_t protocol,
                                    const std::function<void(const DiagSocket&)>& visit) {
    std::vector<std::uint8_t> buffer(kDumpBuffer);
    bool complete = true, over = false;
    int failure = 0;
    while (!over) {
        Bytes answer;
        const int error = receive(buffer, 0, answer);
        if (error && error != ENOBUFS) return system_error("sock_diag dump", error);
        if (error) complete = false;
        read_diag_messages(answer, protocol, [&](const DiagMessage& message) {
            if (message.sequence != sequence) return;
            if (message.interrupted) complete = false;
            if (message.kind == DiagMessage::Kind::socket) visit(message.socket);
            if (message.kind != DiagMessage::Kind::done && message.kind != DiagMessage::Kind::error) return;
            over = true;
            failure = message.error;
        });
    }
    if (failure == EINTR || failure == EAGAIN || failure == EBUSY) {
        drain();
        return false;
    }
    if (failure) return system_error("sock_diag dump", failure);
    return complete;
}

}  // namespace reseat::bpf
