// SPDX-License-Identifier: Apache-2.0
#include "bench/stage.hpp"

#include "lab/echo_server.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>
#include <thread>

#include <poll.h>

namespace reseat::bench {
namespace {

proxy::WorkloadCgroup make_cgroup(const std::string& kind) {
    auto made = proxy::WorkloadCgroup::create(kind);
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
}

}  // namespace

Stage::Stage(const std::vector<std::string>& hosts)
    : lab_(hosts),
      workload_(make_cgroup("reseat-bench-workload")),
      outside_(make_cgroup("reseat-bench-outside")),
      inside_(lab_.client().enter()) {
    write_file("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0");
    // Each UDP socket has a port to itself: room for the largest crowd, past the ports of servers.
    write_file("/proc/sys/net/ipv4/ip_local_port_range", "10240 65535");
    for (auto& host : lab_.hosts()) {
        const auto there = host.net().enter();
        write_file("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0");
        write_file("/proc/sys/net/ipv4/icmp_ratelimit", "0");  // each datagram to a dead server is answered
    }
}

Process Stage::in_workload(const std::function<int()>& body) const {
    return Process(workload_.path(), lab_.client(), body);
}

Process Stage::beside(const std::function<int()>& body) const {
    return Process(outside_.path(), lab_.client(), body);
}

Process Stage::echo_server(const std::string& host, std::uint16_t port) {
    return echo_server(host, lab_.host(host).net(), port);
}

Process Stage::local_echo_server(std::uint16_t port) const {
    return echo_server("local", lab_.client(), port);
}

Process Stage::echo_server(const std::string& name, const lab::NetNamespace& net, std::uint16_t port) const {
    const Channel channel;
    Process process(outside_.path(), net, [&] {
        const lab::EchoServer server(name, net, port);
        tell(channel.theirs(), 'y');
        while (true) ::pause();
        return 0;
    });
    hear<char>(channel.ours());
    return process;
}

Channel::Channel() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
}

void tell(int end, const void* message, std::size_t size) {
    if (::send(end, message, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size))
        throw std::system_error(errno, std::generic_category(), "tell the other process");
}

void hear(int end, void* message, std::size_t size, int patience_ms) {
    pollfd readable{end, POLLIN, 0};
    if (::poll(&readable, 1, patience_ms) != 1) throw std::runtime_error("the other process does not answer");
    if (::recv(end, message, size, 0) != static_cast<ssize_t>(size))
        throw std::runtime_error("the other process has ended");
}

void pause_for(Duration duration) {
    std::this_thread::sleep_for(duration);
}

void sleep_for(Duration duration, Figure& late) {
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end) {
        const auto start = now_ns();
        pause_for(std::chrono::milliseconds(1));
        late.samples.push_back(milliseconds_between(start, now_ns()) - 1);
    }
}

Endpoint endpoint(const std::string& text) {
    auto parsed = parse_endpoint(text);
    if (!parsed) throw std::invalid_argument(text);
    return *parsed;
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    if (!(file << text << std::flush)) throw std::system_error(errno, std::generic_category(), path);
}

lb::Service service(const std::string& name, const Endpoint& address, const std::vector<Endpoint>& backends,
                    Protocol protocol) {
    lb::Service service;
    service.name = name;
    service.protocol = protocol;
    service.addresses = {address};
    service.health_check.type = lb::CheckType::tcp;
    for (const auto& backend : backends)
        service.backends.push_back({.name = "backend-" + std::to_string(service.backends.size()),
                                    .endpoint = backend,
                                    .priority = static_cast<unsigned>(service.backends.size())});
    return service;
}

}  // namespace reseat::bench
