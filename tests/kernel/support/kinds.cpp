// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/support/kinds.hpp"

#include "tests/support/catch.hpp"

namespace reseat::test {
namespace {

std::vector<lb::Service> services_of(Sandbox& box, const std::vector<std::vector<std::string>>& services) {
    std::vector<lb::Service> all;
    for (unsigned number = 1; number <= services.size(); ++number)
        for (auto& one : dual_service(box, services[number - 1], number)) all.push_back(std::move(one));
    return all;
}

std::string name_of(Protocol protocol, unsigned service) {
    return to_string(vip_of(Family::v4, service)) + "/" + std::string(to_string(protocol));
}

}  // namespace

std::vector<Kind> kinds_of(Protocol protocol) {
    std::vector<Kind> kinds;
    for (const Kind& kind : kKinds)
        if (kind.protocol == protocol) kinds.push_back(kind);
    return kinds;
}

Where vip_of(Family family, unsigned number) {
    const std::string last = std::to_string(number);
    return (family == Family::v4 ? "10.96.0." + last + ":80" : "[fd96::" + last + "]:80").c_str();
}

std::vector<lb::Service> dual_service(Sandbox& box, const std::vector<std::string>& hosts, unsigned number) {
    std::vector<Endpoint> backends;
    for (const Family family : {Family::v4, Family::v6})
        for (const auto& host : hosts) backends.push_back(box.host(host).endpoint(family));
    std::vector<lb::Service> services;
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        services.push_back(service(vip_of(Family::v4, number), backends, protocol));
        services.back().addresses.push_back(vip_of(Family::v6, number));
    }
    return services;
}

Balanced::Balanced(const std::string& name, const std::vector<std::string>& hosts)
    : Balanced(name, hosts, {hosts}) {}

Balanced::Balanced(const std::string& name, const std::vector<std::string>& hosts,
                   const std::vector<std::vector<std::string>>& services)
    : box(name, hosts), plane(box, services_of(box, services)) {
    for (unsigned number = 1; number <= services.size(); ++number)
        for (const auto& host : services[number - 1])
            for (const Kind& kind : kKinds)
                if (kind.socket == kind.address) lives_.push_back(life(kind, host, number));
}

Client Balanced::landed(const Kind& kind, const std::string& host) {
    for (int attempt = 0; attempt < 20; ++attempt) {
        Client client = this->client(kind);
        REQUIRE(client.connect(vip_of(kind.address)) == 0);
        if (client.echo("hello") == host) return client;
    }
    FAIL("no connection landed on " << host);
    return client(kind);
}

lb::LifeId Balanced::life(const Kind& kind, const std::string& host, unsigned service) {
    return plane.life(name_of(kind.protocol, service), endpoint(kind, host));
}

std::uint64_t Balanced::open(const Kind& kind, const std::string& host, unsigned service) {
    return plane.kernel().open_sockets(life(kind, host, service));
}

std::uint64_t Balanced::indexed(const Kind& kind, const std::string& host, unsigned service) {
    return plane.kernel().indexed_sockets(life(kind, host, service));
}

std::uint64_t Balanced::open_in_all() {
    std::uint64_t sum = 0;
    for (const auto life : lives_) sum += plane.kernel().open_sockets(life);
    return sum;
}

std::uint64_t Balanced::indexed_in_all() {
    std::uint64_t sum = 0;
    for (const auto life : lives_) sum += plane.kernel().indexed_sockets(life);
    return sum;
}

std::uint64_t Balanced::stat(const std::string& name) {
    for (const auto& [counter, value] : plane.kernel().stats())
        if (counter == name) return value;
    FAIL("there is no counter " << name);
    return 0;
}

}  // namespace reseat::test
