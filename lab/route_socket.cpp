// SPDX-License-Identifier: Apache-2.0
#include "lab/route_socket.hpp"

#include <libmnl/libmnl.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace reseat::lab {
namespace {

constexpr std::size_t kRequestBytes = 1024;

/// One request under construction: a netlink header, then the header `Extra` of its kind.
template <class Extra>
struct Request {
    explicit Request(std::uint16_t type, std::uint16_t flags = 0) : buffer(kRequestBytes) {
        header = mnl_nlmsg_put_header(buffer.data());
        header->nlmsg_type = type;
        header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        extra = static_cast<Extra*>(mnl_nlmsg_put_extra_header(header, sizeof(Extra)));
    }

    std::vector<char> buffer;
    nlmsghdr* header;
    Extra* extra;
};

int index_of(const std::string& name) {
    const unsigned index = ::if_nametoindex(name.c_str());
    if (index == 0) throw std::system_error(errno, std::generic_category(), "find the device " + name);
    return static_cast<int>(index);
}

void put_address(nlmsghdr* header, std::uint16_t type, const Address& address) {
    if (address.family() == Family::v4)
        mnl_attr_put(header, type, 4, address.bytes.data() + 12);
    else
        mnl_attr_put(header, type, 16, address.bytes.data());
}

std::uint8_t family_of(const Address& address) {
    return address.family() == Family::v4 ? AF_INET : AF_INET6;
}

}  // namespace

void RouteSocket::Close::operator()(mnl_socket* socket) const {
    mnl_socket_close(socket);
}

RouteSocket::RouteSocket() : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) {
    if (!socket_ || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        throw std::system_error(errno, std::generic_category(), "open an rtnetlink socket");
}

void RouteSocket::request(nlmsghdr* message, const std::string& what) {
    std::vector<char> answer(MNL_SOCKET_BUFFER_SIZE);
    ssize_t length = mnl_socket_sendto(socket_.get(), message, message->nlmsg_len);
    if (length >= 0) length = mnl_socket_recvfrom(socket_.get(), answer.data(), answer.size());
    if (length >= 0)
        length = mnl_cb_run(answer.data(), static_cast<std::size_t>(length), 0, 0, nullptr, nullptr);
    if (length < 0) throw std::system_error(errno, std::generic_category(), what);
}

void RouteSocket::add_bridge(const std::string& name, const Mac& mac) {
    Request<ifinfomsg> link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    mnl_attr_put_strz(link.header, IFLA_IFNAME, name.c_str());
    mnl_attr_put(link.header, IFLA_ADDRESS, mac.size(), mac.data());
    nlattr* info = mnl_attr_nest_start(link.header, IFLA_LINKINFO);
    mnl_attr_put_str(link.header, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(link.header, info);
    request(link.header, "make the bridge " + name);
}

void RouteSocket::add_veth(const std::string& name, const std::string& peer, const Mac& peer_mac,
                           const NetNamespace& there) {
    Request<ifinfomsg> link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    mnl_attr_put_strz(link.header, IFLA_IFNAME, name.c_str());
    nlattr* info = mnl_attr_nest_start(link.header, IFLA_LINKINFO);
    mnl_attr_put_str(link.header, IFLA_INFO_KIND, "veth");
    nlattr* data = mnl_attr_nest_start(link.header, IFLA_INFO_DATA);
    nlattr* other = mnl_attr_nest_start(link.header, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(link.header, sizeof(ifinfomsg));
    mnl_attr_put_strz(link.header, IFLA_IFNAME, peer.c_str());
    mnl_attr_put(link.header, IFLA_ADDRESS, peer_mac.size(), peer_mac.data());
    mnl_attr_put_u32(link.header, IFLA_NET_NS_FD, static_cast<std::uint32_t>(there.fd()));
    mnl_attr_nest_end(link.header, other);
    mnl_attr_nest_end(link.header, data);
    mnl_attr_nest_end(link.header, info);
    request(link.header, "make the veth pair " + name);
}

void RouteSocket::set_master(const std::string& name, const std::string& bridge) {
    Request<ifinfomsg> link(RTM_SETLINK);
    link.extra->ifi_index = index_of(name);
    mnl_attr_put_u32(link.header, IFLA_MASTER, static_cast<std::uint32_t>(index_of(bridge)));
    request(link.header, "plug " + name + " into " + bridge);
}

void RouteSocket::set_up(const std::string& name, bool up) {
    Request<ifinfomsg> link(RTM_SETLINK);
    link.extra->ifi_index = index_of(name);
    link.extra->ifi_change = IFF_UP;
    link.extra->ifi_flags = up ? IFF_UP : 0;
    request(link.header, "set " + name + (up ? " up" : " down"));
}

void RouteSocket::add_address(const std::string& name, const Address& address, unsigned prefix) {
    Request<ifaddrmsg> entry(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    entry.extra->ifa_family = family_of(address);
    entry.extra->ifa_prefixlen = static_cast<std::uint8_t>(prefix);
    entry.extra->ifa_index = static_cast<unsigned>(index_of(name));
    put_address(entry.header, IFA_LOCAL, address);
    put_address(entry.header, IFA_ADDRESS, address);
    mnl_attr_put_u32(entry.header, IFA_FLAGS, IFA_F_NODAD);
    request(entry.header, "give " + name + " the address " + to_string(address));
}

void RouteSocket::add_neighbour(const std::string& name, const Address& address, const Mac& mac) {
    Request<ndmsg> entry(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    entry.extra->ndm_family = family_of(address);
    entry.extra->ndm_ifindex = index_of(name);
    entry.extra->ndm_state = NUD_PERMANENT;
    put_address(entry.header, NDA_DST, address);
    mnl_attr_put(entry.header, NDA_LLADDR, mac.size(), mac.data());
    request(entry.header, "tell " + name + " of its neighbour " + to_string(address));
}

bool is_running(const std::string& device) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    device.copy(request.ifr_name, IFNAMSIZ - 1);
    return ::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0;
}

}  // namespace reseat::lab
