// SPDX-License-Identifier: Apache-2.0
// Workloads with network namespaces of their own below the cgroup.
#include "tests/kernel/support/policies.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <array>
#include <cerrno>
#include <memory>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

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
    Client connected(Protocol protocol, const Endpoint& backend) {
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

/// As reseat is without CAP_SYS_ADMIN, for the calling thread and those that it starts.
class WithoutAdmin {
public:
    WithoutAdmin() {
        read();
        kept_ = data_[0].effective;
        write(kept_ & ~(1u << CAP_SYS_ADMIN));
    }
    ~WithoutAdmin() { write(kept_); }
    WithoutAdmin(const WithoutAdmin&) = delete;

private:
    void read() { REQUIRE(::syscall(SYS_capget, &header_, data_.data()) == 0); }
    void write(__u32 effective) {
        data_[0].effective = effective;
        ::syscall(SYS_capset, &header_, data_.data());
    }

    __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data_{};
    __u32 kept_ = 0;
};

}  // namespace

TEST_CASE("sockets in a network namespace that we may not enter are ended by their descriptors [E58]",
          "[kernel][namespaces]") {
    Sandbox box("netns-closed");
    auto& a = box.host("a");
    Elsewhere there(box, "b");
    auto less = std::make_unique<WithoutAdmin>();
    TestPlane plane(
        box, {service(kVip, {a.endpoint()}), udp_service(kVip, {a.endpoint()}, lb::UdpFate::terminate)});
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        INFO(to_string(protocol));
        less.reset();
        Client victim = there.connected(protocol, a.endpoint());
        Client at_home = box.client(protocol);
        REQUIRE(at_home.connect(kVip) == 0);
        REQUIRE(victim.echoes("hello"));
        less = std::make_unique<WithoutAdmin>();
        const auto report = plane.condemn(a.endpoint());
        CHECK(report.terminated == 2);
        CHECK(report.failed == 0);
        // By its descriptor a TCP client is told otherwise.
        CHECK((protocol == Protocol::tcp ? victim.recv_error() : victim.send("more")) ==
              (protocol == Protocol::tcp ? ECONNRESET : EDESTADDRREQ));
        CHECK((protocol == Protocol::tcp ? at_home.recv_error() : at_home.send("more")) ==
              (protocol == Protocol::tcp ? ECONNABORTED : EDESTADDRREQ));
        plane.bring_back(a.endpoint());
    }
    less.reset();
}

TEST_CASE(
    "UDP in a network namespace that we may not enter is left if it is connected elsewhere by now [E03][E58]",
    "[kernel][namespaces]") {
    Sandbox box("netns-left");
    auto& a = box.host("a");
    Elsewhere there(box, "b");
    auto less = std::make_unique<WithoutAdmin>();
    TestPlane plane(box, {udp_service(kVip, {a.endpoint()}, lb::UdpFate::terminate)});
    less.reset();
    Client moved = there.connected(Protocol::udp, a.endpoint());
    REQUIRE(moved.connect(box.host("c").endpoint()) == 0);
    Client unconnected = there.connected(Protocol::udp, a.endpoint());
    REQUIRE(unconnected.disconnect() == 0);
    less = std::make_unique<WithoutAdmin>();
    CHECK(plane.condemn(a.endpoint()).matched == 0);
    CHECK(moved.echo("still here") == "c");
    less.reset();
}

TEST_CASE("a denied socket that the index has ends where sockets cannot be listed, too [E21][E58]",
          "[kernel][namespaces][forbidden]") {
    Sandbox box("netns-denied");
    Elsewhere there(box, "b");
    auto less = std::make_unique<WithoutAdmin>();
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint()})});
    less.reset();
    Client victim = there.connected(Protocol::tcp, box.host("a").endpoint());
    less = std::make_unique<WithoutAdmin>();
    set_policies(plane, {deny({{cidr("10.96.0.1/32"), {}, {}, {}}})});
    const auto report = plane.run(plane.kernel().enforce_policies()).at(0).second;
    CHECK(report.terminated == 1);
    CHECK(report.failed == 0);
    CHECK(victim.recv_error() == ECONNRESET);  // by its descriptor
    less.reset();
}

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
