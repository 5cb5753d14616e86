// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sandbox.hpp"

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <sys/socket.h>

namespace reseat::test {
namespace {

int domain_of(Family family) {
    return family == Family::v4 ? AF_INET : AF_INET6;
}
int type_of(Protocol protocol) {
    return protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM;
}

}  // namespace

BackendHost::BackendHost(lab::Host& machine)
    : machine_(machine), server_(std::make_unique<lab::EchoServer>(machine.name(), machine.net())) {}

Endpoint BackendHost::endpoint(Family family) const {
    return {machine_.address(family), server_->port()};
}

bool BackendHost::owns(const Endpoint& other) const {
    return other == endpoint(Family::v4) || other == endpoint(Family::v6);
}

void BackendHost::restart() {
    server_->stop();
    server_ = std::make_unique<lab::EchoServer>(name(), machine_.net(), server_->port());
}

Sandbox::Sandbox(const std::string& name, const std::vector<std::string>& hosts)
    : lab_(hosts), cgroup_(name), maker_(cgroup_, lab_.client()), inside_(lab_.client().enter()) {
    for (auto& machine : lab_.hosts()) hosts_.emplace_back(machine);
}

BackendHost& Sandbox::host(const std::string& name) {
    for (auto& host : hosts_)
        if (host.name() == name) return host;
    throw std::out_of_range("the sandbox has no host called " + name);
}

Client Sandbox::client(Protocol protocol, Family family) {
    auto made = maker_.make(domain_of(family), type_of(protocol));
    if (made.error != 0) throw std::system_error(made.error, std::generic_category(), "socket");
    return Client(std::move(made.fd));
}

Client Sandbox::outsider(Protocol protocol, Family family) {
    UniqueFd fd(::socket(domain_of(family), type_of(protocol) | SOCK_CLOEXEC, 0));
    if (!fd) throw std::system_error(errno, std::generic_category(), "socket");
    return Client(std::move(fd));
}

Process Sandbox::spawn(const std::function<int()>& body) const {
    return Process(cgroup_.path(), lab_.client(), body);
}

}  // namespace reseat::test
