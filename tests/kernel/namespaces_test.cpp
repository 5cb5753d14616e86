// SPDX-License-Identifier: Apache-2.0
// Workloads with network namespaces of their own below the cgroup.
#include "tests/kernel/victims.hpp"

#include <catch2/catch.hpp>

#include <cerrno>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

/// A part of the workload that lives on another machine of the lab, with its own network namespace.
class Elsewhere {
public:
    Elsewhere(Sandbox& box, const std::string& host) : maker_(box.cgroup(), box.host(host).machine().net()) {}

    Client client(Protocol protocol) {
        auto made = maker_.make(AF_INET, protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM);
        REQUIRE(made.error == 0);
        return Client(std::move(made.fd));
    }
    Client connected(Protocol protocol, const lb::Endpoint& backend) {
        for (int attempt = 0; attempt < 20; ++attempt) {
            Client client = this->client(protocol);
            REQUIRE(client.connect(kVip) == 0);
            if (client.actual_peer() == backend) return client;
        }
        throw std::runtime_error("no connection landed there");
    }

private:
    SocketMaker maker_;
};

}  // namespace

TEST_CASE("sockets in several network namespaces below one cgroup are ended, each in its own [E58]",
          "[kernel][namespaces]") {
    const auto engine = GENERATE(std::optional<bpf::Engine>(), bpf::Engine::tuple, bpf::Engine::diag,
                                 bpf::Engine::iterator, bpf::Engine::descriptor);
    INFO((engine ? to_string(*engine) : "all"));
    Sandbox box("netns");
    auto& a = box.host("a");
    Elsewhere there(box, "b"), over_there(box, "c");
    TestPlane plane(
        box, {service(kVip, {a.endpoint()}), udp_service(kVip, {a.endpoint()}, lb::UdpFate::terminate)},
        {.only_engine = engine});
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        std::vector<Client> victims;
        victims.push_back(there.connected(protocol, a.endpoint()));
        victims.push_back(over_there.connected(protocol, a.endpoint()));
        victims.push_back(box.client(protocol));
        REQUIRE(victims.back().connect(kVip) == 0);
        for (auto& victim : victims) REQUIRE(victim.echoes("hello"));
        INFO(to_string(protocol));
        const auto report = plane.condemn(a.endpoint());
        CHECK(report.failed == 0);
        CHECK(report.first_failure == "");
        CHECK(report.terminated == 3);
        for (auto& victim : victims)
            CHECK((protocol == Protocol::tcp ? victim.recv_error() : victim.send("more")) != 0);
        plane.bring_back(a.endpoint());
    }
}

TEST_CASE("connected UDP in another network namespace is re-pointed there [E58]", "[kernel][namespaces]") {
    Sandbox box("netns-udp");
    auto& a = box.host("a");
    auto& b = box.host("b");
    Elsewhere there(box, "c");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()})});
    Client client = there.connected(Protocol::udp, a.endpoint());
    const auto local = client.local();
    REQUIRE(client.echo("hello") == "a");
    REQUIRE(plane.pump_until([&] { return plane.kernel().unresolved_sockets() == 0; }));
    a.vanish();
    const auto report = plane.condemn(a);
    CHECK(report.repointed == 1);
    CHECK(report.first_failure == "");
    CHECK(client.echo("hello") == "b");
    CHECK(client.local() == local);
}
