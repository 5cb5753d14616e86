// SPDX-License-Identifier: Apache-2.0
#include "bench/crowd.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <sys/resource.h>

namespace reseat::bench {
namespace {

constexpr unsigned kMostEach = 15'000;
constexpr unsigned kSpareDescriptors = 256;

unsigned raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<unsigned>(std::min<rlim_t>(limit.rlim_max, 1'000'000));
}

int socket_type(Protocol protocol) {
    return (protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
}

std::vector<int> connect_all(const Endpoint& to, unsigned size, Protocol protocol) {
    const test::SocketAddress address(to, AF_INET);
    std::vector<int> sockets;
    for (unsigned i = 0; i < size; ++i) {
        const int fd = ::socket(AF_INET, socket_type(protocol), 0);
        if (fd < 0 || ::connect(fd, address.get(), address.length) != 0)
            throw std::system_error(errno, std::generic_category(), "connect a bystander");
        sockets.push_back(fd);
    }
    return sockets;
}

/// Not by poll(): a UDP socket that was ended by its descriptor has no event.
bool is_connected(int fd) {
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
}

/// Connects, tells how many, then on each order how many are still connected.
int stand_by(const Endpoint& to, unsigned size, Protocol protocol, int end) {
    auto sockets = connect_all(to, size, protocol);
    tell(end, size);
    while (true) {
        await_order<char>(end);
        tell(end, static_cast<unsigned>(std::ranges::count_if(sockets, is_connected)));
    }
    return 0;
}

}  // namespace

Crowd::Crowd(Stage& stage, const std::string& host, unsigned size, Protocol protocol,
             std::uint16_t first_port)
    : protocol_(protocol) {
    const unsigned most = std::min(kMostEach, raise_descriptor_limit() - kSpareDescriptors);
    for (unsigned left = size; left > 0; left -= sizes_.back()) sizes_.push_back(std::min(left, most));
    listen(stage, host, first_port);
}

void Crowd::listen(Stage& stage, const std::string& host, std::uint16_t first_port) {
    const auto inside = stage.lab().host(host).net().enter();
    write_file("/proc/sys/net/core/somaxconn", "65535");
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
        const auto port = static_cast<std::uint16_t>(first_port + i);
        const Endpoint backend{stage.lab().host(host).address(), port};
        const test::SocketAddress address(backend, AF_INET);
        UniqueFd fd(::socket(AF_INET, socket_type(protocol_), 0));
        if (::bind(fd.get(), address.get(), address.length) != 0 ||
            (protocol_ == Protocol::tcp && ::listen(fd.get(), 65535) != 0))
            throw std::system_error(errno, std::generic_category(), "listen for bystanders");
        listeners_.push_back(std::move(fd));
        const auto name = "crowd-" + std::to_string(port);
        services_.push_back(service(name, {parse_address("10.96.1.1").value(), port}, {backend}, protocol_));
    }
}

void Crowd::gather(const Stage& stage) {
    channels_.resize(sizes_.size());
    for (std::size_t i = 0; i < sizes_.size(); ++i)
        processes_.push_back(stage.in_workload([&, i] {
            return stand_by(services_[i].addresses.front(), sizes_[i], protocol_, channels_[i].theirs());
        }));
    for (const auto& channel : channels_) hear<unsigned>(channel.ours());
}

unsigned Crowd::still_there() {
    unsigned sum = 0;
    for (const auto& channel : channels_) tell(channel.ours(), 'g');
    for (const auto& channel : channels_) sum += hear<unsigned>(channel.ours());
    return sum;
}

}  // namespace reseat::bench
