// SPDX-License-Identifier: Apache-2.0
#include "bpf/sock_diag.hpp"

#include "bpf/byte_order.hpp"

#include <libmnl/libmnl.h>

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
constexpr std::size_t kDumpBuffer = 256 * 1024;
constexpr int kDumpAttempts = 5;
constexpr std::size_t kRequestSize = NLMSG_ALIGN(sizeof(nlmsghdr) + sizeof(inet_diag_req_v2));

inet_diag_req_v2 request_for(const SocketTuple& tuple) {
    inet_diag_req_v2 request{};
    request.sdiag_protocol = tuple.remote.protocol;
    request.sdiag_family =
        static_cast<std::uint8_t>(to_diag(tuple.remote, request.id.idiag_dst, &request.id.idiag_dport));
    to_diag(tuple.local, request.id.idiag_src, &request.id.idiag_sport);
    request.id.idiag_if = tuple.ifindex;
    request.id.idiag_cookie[0] = static_cast<std::uint32_t>(tuple.cookie);
    request.id.idiag_cookie[1] = static_cast<std::uint32_t>(tuple.cookie >> 32);
    request.idiag_states = ~0u;
    return request;
}

/// Empty for a message too short to be one.
std::optional<DiagSocket> parse(const nlmsghdr* header, std::uint8_t protocol) {
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return std::nullopt;
    const auto* message = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(header));
    DiagSocket socket;
    const int family = message->idiag_family;
    socket.tuple.local = from_diag(family, message->id.idiag_src, message->id.idiag_sport, protocol);
    socket.tuple.remote = from_diag(family, message->id.idiag_dst, message->id.idiag_dport, protocol);
    socket.tuple.cookie =
        static_cast<std::uint64_t>(message->id.idiag_cookie[1]) << 32 | message->id.idiag_cookie[0];
    socket.tuple.ifindex = message->id.idiag_if;
    socket.state = message->idiag_state;
    socket.inode = message->idiag_inode;
    const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(header));
    const auto* attribute =
        static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(header, sizeof(*message)));
    for (; mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)));
         attribute = mnl_attr_next(attribute)) {
        if (mnl_attr_get_type(attribute) != INET_DIAG_CGROUP_ID ||
            mnl_attr_get_payload_len(attribute) != sizeof(socket.cgroup))
            continue;
        std::memcpy(&socket.cgroup, mnl_attr_get_payload(attribute), sizeof(socket.cgroup));
    }
    return socket;
}

/// The one meant, and really connected to the peer meant: a tuple may also find a listener, a socket that was
/// unconnected since, or what TIME_WAIT left of one.
bool may_be_ended(const DiagSocket& socket, const SocketTuple& meant) {
    const std::uint32_t states = meant.remote.protocol == IPPROTO_TCP ? kLiveTcpStates : kConnectedUdp;
    return socket.tuple.cookie == meant.cookie && (states & 1u << socket.state) &&
           same_endpoint(socket.tuple.remote, meant.remote);
}

}  // namespace

lb::Result<SockDiag> SockDiag::open() {
    UniqueFd fd(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!fd) return lb::system_error("netlink sock_diag", errno, lb::ErrorCode::unsupported);
    if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer)) != 0)
        setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof(kReceiveBuffer));
    const timeval patience{5, 0};  // the kernel answers before send() returns; this is for a lost answer
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return SockDiag(std::move(fd));
}

lb::Result<void> SockDiag::send_batch(std::uint16_t type, std::span<const SocketTuple> tuples,
                                      std::uint32_t first_sequence) {
    std::array<std::uint8_t, kBatch * kRequestSize> buffer{};
    for (std::size_t i = 0; i < tuples.size(); ++i) {
        auto* header = reinterpret_cast<nlmsghdr*>(buffer.data() + i * kRequestSize);
        header->nlmsg_len = NLMSG_LENGTH(sizeof(inet_diag_req_v2));
        header->nlmsg_type = type;
        // Failures are always answered, and what is found; of the sockets that were ended only the last, so
        // that there is an end to wait for.
        const bool acknowledge = type == SOCK_DESTROY && i + 1 == tuples.size();
        header->nlmsg_flags = acknowledge ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST;
        header->nlmsg_seq = first_sequence + static_cast<std::uint32_t>(i);
        SocketTuple tuple = tuples[i];
        // For UDP the kernel wants source and destination the other way round here (and only here).
        if (type == SOCK_DIAG_BY_FAMILY && tuple.remote.protocol == IPPROTO_UDP)
            std::swap(tuple.local, tuple.remote);
        const inet_diag_req_v2 request = request_for(tuple);
        std::memcpy(NLMSG_DATA(header), &request, sizeof(request));
    }
    while (send(fd_.get(), buffer.data(), tuples.size() * kRequestSize, 0) < 0)
        if (errno != EINTR) return lb::system_error("sock_diag request", errno);
    return {};
}

lb::Result<void> SockDiag::collect_errors(std::uint32_t first_sequence, std::span<int> outcomes) {
    std::array<std::uint8_t, 16 * 1024> buffer;
    while (true) {
        const ssize_t length = recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0 && errno == ENOBUFS) {  // answers were dropped: what is unknown is looked at again
            std::ranges::replace(outcomes, 0, EAGAIN);
            return {};
        }
        if (length < 0) return lb::system_error("SOCK_DESTROY answer", errno);
        int left = static_cast<int>(length);
        for (auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(header, left);
             header = mnl_nlmsg_next(header, &left)) {
            const std::uint32_t position = header->nlmsg_seq - first_sequence;
            if (header->nlmsg_type != NLMSG_ERROR || position >= outcomes.size()) continue;
            if (header->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) continue;
            outcomes[position] = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header))->error;
            if (position + 1 == outcomes.size()) return {};
        }
    }
}

lb::Result<std::vector<int>> SockDiag::destroy(std::span<const SocketTuple> tuples) {
    std::vector<int> outcomes(tuples.size(), 0);
    for (std::size_t from = 0; from < tuples.size(); from += kBatch) {
        const std::size_t size = std::min(kBatch, tuples.size() - from);
        const std::uint32_t first = sequence_;
        sequence_ += static_cast<std::uint32_t>(size);
        if (auto sent = send_batch(SOCK_DESTROY, tuples.subspan(from, size), first); !sent)
            return sent.error();
        if (auto heard = collect_errors(first, std::span(outcomes).subspan(from, size)); !heard)
            return heard.error();
    }
    return outcomes;
}

lb::Result<std::vector<std::optional<DiagSocket>>> SockDiag::find(std::span<const SocketTuple> tuples) {
    std::vector<std::optional<DiagSocket>> found(tuples.size());
    for (std::size_t from = 0; from < tuples.size(); from += kBatch) {
        const auto batch = tuples.subspan(from, std::min(kBatch, tuples.size() - from));
        const std::uint32_t first = sequence_;
        sequence_ += static_cast<std::uint32_t>(batch.size());
        if (auto sent = send_batch(SOCK_DIAG_BY_FAMILY, batch, first); !sent) return sent.error();
        auto heard = collect_sockets(first, batch, std::span(found).subspan(from, batch.size()));
        if (!heard) return heard.error();
    }
    return found;
}

lb::Result<void> SockDiag::collect_sockets(std::uint32_t first_sequence, std::span<const SocketTuple> tuples,
                                           std::span<std::optional<DiagSocket>> found) {
    std::array<std::uint8_t, 4096> buffer;
    for (std::size_t heard = 0; heard < tuples.size();) {
        const ssize_t length = recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return lb::system_error("sock_diag answer", errno);
        int left = static_cast<int>(length);
        for (auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(header, left);
             header = mnl_nlmsg_next(header, &left)) {
            const std::uint32_t position = header->nlmsg_seq - first_sequence;
            if (position >= tuples.size()) continue;  // of an earlier request
            ++heard;
            if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) continue;  // ENOENT
            auto socket = parse(header, tuples[position].remote.protocol);
            if (socket && may_be_ended(*socket, tuples[position])) found[position] = std::move(socket);
        }
    }
    return {};
}

lb::Result<void> SockDiag::dump(const DumpFilter& filter,
                                const std::function<void(const DiagSocket&)>& visit) {
    for (const int family : {AF_INET, AF_INET6}) {
        for (int attempt = 0;; ++attempt) {
            auto complete = dump_family(family, filter, visit);
            if (!complete) return complete.error();
            if (*complete || attempt == kDumpAttempts) break;
        }
    }
    return {};
}

/// False: the table changed or an answer was dropped in the middle, something may be missing.
lb::Result<bool> SockDiag::dump_family(int family, const DumpFilter& filter,
                                       const std::function<void(const DiagSocket&)>& visit) {
    std::vector<std::uint8_t> buffer(kDumpBuffer);
    auto* header = mnl_nlmsg_put_header(buffer.data());
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = sequence_++;
    auto* request =
        static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(header, sizeof(inet_diag_req_v2)));
    request->sdiag_family = static_cast<std::uint8_t>(family);
    request->sdiag_protocol = filter.protocol;
    request->idiag_states = filter.states;
    request->id.idiag_dport = filter.remote_port_be;
    const std::uint32_t sequence = header->nlmsg_seq;
    if (send(fd_.get(), header, header->nlmsg_len, 0) < 0) return lb::system_error("sock_diag dump", errno);

    bool complete = true;
    while (true) {
        const ssize_t length = recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0 && errno == ENOBUFS) {
            complete = false;
            continue;
        }
        if (length < 0) return lb::system_error("sock_diag dump", errno);
        int left = static_cast<int>(length);
        for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(message, left);
             message = mnl_nlmsg_next(message, &left)) {
            if (message->nlmsg_seq != sequence) continue;
            if (message->nlmsg_flags & NLM_F_DUMP_INTR) complete = false;
            if (message->nlmsg_type == NLMSG_DONE) return complete;
            if (message->nlmsg_type == NLMSG_ERROR) {
                const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
                return lb::system_error("sock_diag dump", -error->error);
            }
            if (auto socket = parse(message, filter.protocol)) visit(*socket);
        }
    }
}

}  // namespace reseat::bpf
