// SPDX-License-Identifier: Apache-2.0
#include "tests/support/socket_list.hpp"

#include "lab/net_namespace.hpp"

#include <libmnl/libmnl.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace reseat::test {
namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

Endpoint endpoint_of(const std::uint32_t (&words)[4], std::uint16_t port_be, int family) {
    Endpoint endpoint;
    endpoint.port = ntohs(port_be);
    std::array<std::uint8_t, 4> octets;
    std::memcpy(octets.data(), words, octets.size());
    if (family == AF_INET)
        endpoint.address = Address::v4(octets);
    else
        std::memcpy(endpoint.address.bytes.data(), words, sizeof words);
    return endpoint;
}

SocketInfo info_of(const inet_diag_msg& message, Protocol protocol) {
    SocketInfo info;
    info.protocol = protocol;
    info.family = message.idiag_family == AF_INET ? Family::v4 : Family::v6;
    info.state = message.idiag_state;
    info.local = endpoint_of(message.id.idiag_src, message.id.idiag_sport, message.idiag_family);
    info.peer = endpoint_of(message.id.idiag_dst, message.id.idiag_dport, message.idiag_family);
    info.inode = message.idiag_inode;
    info.cookie = static_cast<std::uint64_t>(message.id.idiag_cookie[1]) << 32 | message.id.idiag_cookie[0];
    info.uid = message.idiag_uid;
    info.device = message.id.idiag_if;
    return info;
}

struct Dump {
    Protocol protocol;
    std::vector<SocketInfo> sockets;

    static int on_message(const nlmsghdr* header, void* self) {
        auto& dump = *static_cast<Dump*>(self);
        const auto* message = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(header));
        dump.sockets.push_back(info_of(*message, dump.protocol));
        return MNL_CB_OK;
    }
};

int option(int fd, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    if (::getsockopt(fd, SOL_SOCKET, name, &value, &length) != 0) fail("getsockopt");
    return value;
}

}  // namespace

std::vector<SocketInfo> list_sockets(Protocol protocol, Family family) {
    const std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket(
        mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC), mnl_socket_close);
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) fail("open sock_diag");
    std::vector<char> buffer(65536);
    nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    auto* request =
        static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(header, sizeof(inet_diag_req_v2)));
    request->sdiag_family = family == Family::v4 ? AF_INET : AF_INET6;
    request->sdiag_protocol = protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP;
    request->idiag_states = ~0U;
    if (mnl_socket_sendto(socket.get(), header, header->nlmsg_len) < 0) fail("ask sock_diag");
    Dump dump{protocol, {}};
    for (int more = MNL_CB_OK; more > MNL_CB_STOP;) {
        const ssize_t length = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
        if (length < 0) fail("read sock_diag");
        more = mnl_cb_run(buffer.data(), static_cast<std::size_t>(length), 0, 0, Dump::on_message, &dump);
        if (more < 0) fail("sock_diag");
    }
    return std::move(dump.sockets);
}

std::vector<SocketInfo> list_sockets() {
    std::vector<SocketInfo> all;
    for (const auto protocol : {Protocol::tcp, Protocol::udp})
        for (const auto family : {Family::v4, Family::v6})
            for (const auto& socket : list_sockets(protocol, family)) all.push_back(socket);
    return all;
}

std::optional<SocketInfo> inspect_socket(int fd) {
    struct stat status = {};
    if (::fstat(fd, &status) != 0) fail("fstat");
    const UniqueFd net(::ioctl(fd, SIOCGSKNS));
    if (!net) fail("SIOCGSKNS");
    const auto protocol = option(fd, SO_TYPE) == SOCK_STREAM ? Protocol::tcp : Protocol::udp;
    const auto family = option(fd, SO_DOMAIN) == AF_INET ? Family::v4 : Family::v6;
    const lab::NetNamespace::Guard inside(net.get());
    for (const auto& socket : list_sockets(protocol, family))
        if (socket.inode == status.st_ino) return socket;
    return std::nullopt;
}

}  // namespace reseat::test
