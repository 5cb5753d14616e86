// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/diag_message.hpp"

#include "bpf/maps/byte_order.hpp"

#include <libmnl/libmnl.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include <linux/inet_diag.h>
#include <linux/mptcp.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace reseat::bpf {
namespace {

template <class T>
bool holds(const nlmsghdr* header) {
    return header->nlmsg_len >= NLMSG_LENGTH(sizeof(T));
}

/// Calls `visit` for each attribute that is whole.
template <class Visit>
void each_attribute(const void* first, std::size_t size, Visit visit) {
    const auto* attribute = static_cast<const nlattr*>(first);
    for (auto left = static_cast<int>(size); mnl_attr_ok(attribute, left);
         left -= MNL_ALIGN(attribute->nla_len), attribute = mnl_attr_next(attribute))
        visit(*attribute, std::span(static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)),
                                    mnl_attr_get_payload_len(attribute)));
}

/// tcp_info grows from kernel to kernel: its beginning is what all have.
std::optional<std::chrono::milliseconds> idle_time(std::span<const std::uint8_t> payload) {
    tcp_info info{};
    constexpr std::size_t needed = offsetof(tcp_info, tcpi_last_ack_recv);
    if (payload.size() < needed) return std::nullopt;
    std::memcpy(&info, payload.data(), std::min(payload.size(), sizeof(info)));
    return std::chrono::milliseconds(std::min(info.tcpi_last_data_sent, info.tcpi_last_data_recv));
}

/// The peer speaks Multipath TCP; where it does not, the socket is as good as plain TCP.
bool is_multipath(std::span<const std::uint8_t> upper_layer) {
    bool capable = false;
    each_attribute(upper_layer.data(), upper_layer.size(), [&](const nlattr& kind, auto nested) {
        if ((kind.nla_type & NLA_TYPE_MASK) != INET_ULP_INFO_MPTCP) return;
        each_attribute(nested.data(), nested.size(), [&](const nlattr& item, auto value) {
            std::uint32_t flags = 0;
            if ((item.nla_type & NLA_TYPE_MASK) != MPTCP_SUBFLOW_ATTR_FLAGS || value.size() < sizeof(flags))
                return;
            std::memcpy(&flags, value.data(), sizeof(flags));
            capable = flags & (MPTCP_SUBFLOW_FLAG_MCAP_REM | MPTCP_SUBFLOW_FLAG_JOIN_REM);
        });
    });
    return capable;
}

DiagSocket read_socket(const nlmsghdr* header, std::uint8_t protocol) {
    inet_diag_msg message;
    std::memcpy(&message, mnl_nlmsg_get_payload(header), sizeof(message));
    DiagSocket socket;
    const int family = message.idiag_family;
    socket.tuple.local = from_diag(family, message.id.idiag_src, message.id.idiag_sport, protocol);
    socket.tuple.remote = from_diag(family, message.id.idiag_dst, message.id.idiag_dport, protocol);
    socket.tuple.cookie =
        static_cast<std::uint64_t>(message.id.idiag_cookie[1]) << 32 | message.id.idiag_cookie[0];
    socket.tuple.ifindex = message.id.idiag_if;
    socket.state = std::min<std::uint8_t>(message.idiag_state, 31);  // it is used as a bit number
    socket.inode = message.idiag_inode;
    socket.unread = message.idiag_rqueue;
    socket.unsent = message.idiag_wqueue;
    const auto* attributes =
        static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload_offset(header, sizeof(inet_diag_msg)));
    const std::size_t size = header->nlmsg_len - NLMSG_LENGTH(0);
    if (size <= NLMSG_ALIGN(sizeof(message))) return socket;
    each_attribute(attributes, size - NLMSG_ALIGN(sizeof(message)), [&](const nlattr& item, auto payload) {
        if (item.nla_type == INET_DIAG_CGROUP_ID && payload.size() == sizeof(socket.cgroup))
            std::memcpy(&socket.cgroup, payload.data(), sizeof(socket.cgroup));
        if (item.nla_type == INET_DIAG_INFO) socket.idle = idle_time(payload);
        if ((item.nla_type & NLA_TYPE_MASK) == INET_DIAG_ULP_INFO) socket.multipath = is_multipath(payload);
    });
    return socket;
}

DiagMessage read_message(const nlmsghdr* header, std::uint8_t protocol) {
    using Kind = DiagMessage::Kind;
    DiagMessage message;
    message.sequence = header->nlmsg_seq;
    message.interrupted = header->nlmsg_flags & NLM_F_DUMP_INTR;
    int error = 0;
    switch (header->nlmsg_type) {
        case NLMSG_ERROR:
            if (!holds<nlmsgerr>(header)) break;
            std::memcpy(&error, mnl_nlmsg_get_payload(header), sizeof(error));
            message.kind = Kind::error;
            break;
        case NLMSG_DONE:
            if (holds<int>(header)) std::memcpy(&error, mnl_nlmsg_get_payload(header), sizeof(error));
            message.kind = Kind::done;
            break;
        case SOCK_DIAG_BY_FAMILY:
            if (!holds<inet_diag_msg>(header)) break;
            message.kind = Kind::socket;
            message.socket = read_socket(header, protocol);
            break;
        default:
            break;
    }
    if (error < 0 && error > -4096) message.error = -error;
    return message;
}

}  // namespace

void read_diag_messages(std::span<const std::uint8_t> bytes, std::uint8_t protocol,
                        const std::function<void(const DiagMessage&)>& visit) {
    while (bytes.size() >= sizeof(nlmsghdr)) {
        const auto* header = reinterpret_cast<const nlmsghdr*>(bytes.data());
        // mnl_nlmsg_ok() compares as int: a length beyond 2^31 would pass.
        if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > bytes.size()) return;
        visit(read_message(header, protocol));
        bytes = bytes.subspan(std::min<std::size_t>(NLMSG_ALIGN(header->nlmsg_len), bytes.size()));
    }
}

inet_diag_req_v2 diag_request(const SocketTuple& tuple, bool details) {
    inet_diag_req_v2 request{};
    request.sdiag_protocol = tuple.remote.protocol;
    request.sdiag_family =
        static_cast<std::uint8_t>(to_diag(tuple.remote, request.id.idiag_dst, &request.id.idiag_dport));
    to_diag(tuple.local, request.id.idiag_src, &request.id.idiag_sport);
    request.id.idiag_if = tuple.ifindex;
    request.id.idiag_cookie[0] = static_cast<std::uint32_t>(tuple.cookie);
    request.id.idiag_cookie[1] = static_cast<std::uint32_t>(tuple.cookie >> 32);
    request.idiag_states = ~0u;
    if (request.sdiag_protocol == IPPROTO_RAW)
        request.pad = static_cast<std::uint8_t>(from_kernel(tuple.local).port);
    if (details) request.idiag_ext = 1 << (INET_DIAG_INFO - 1);
    return request;
}

}  // namespace reseat::bpf
