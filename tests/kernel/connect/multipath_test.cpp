// SPDX-License-Identifier: Apache-2.0
// Multipath TCP: hooks see a subflow, the application has another socket.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

constexpr int kMptcp = 262;

UniqueFd listener_on(BackendHost& host, Endpoint& where) {
    return host.machine().net().run([&] {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, kMptcp));
        SocketAddress any(Endpoint{host.machine().address(), 0}, AF_INET);
        if (!fd || ::bind(fd.get(), any.get(), any.length) != 0 || ::listen(fd.get(), 16) != 0)
            throw std::system_error(errno, std::generic_category(), "an MPTCP listener");
        SocketAddress bound;
        ::getsockname(fd.get(), bound.get(), &bound.length);
        where = bound.endpoint();
        return fd;
    });
}

Client multipath_client(Sandbox& box) {
    auto made = box.maker().make(AF_INET, SOCK_STREAM, kMptcp);
    if (made.error) throw std::system_error(made.error, std::generic_category(), "an MPTCP socket");
    return Client(std::move(made.fd));
}

}  // namespace

TEST_CASE("a Multipath TCP socket is ended at once, by its descriptor [E46]", "[kernel][multipath]") {
    Sandbox box("mptcp", {"a"});
    Endpoint backend;
    const auto server = listener_on(box.host("a"), backend);
    TestPlane plane(box, {service(kVip, {backend})});
    Client victim = multipath_client(box);
    REQUIRE(victim.connect(kVip) == 0);
    REQUIRE(victim.send("hello") == 0);
    Client bystander = multipath_client(box);  // directly to the same backend
    REQUIRE(bystander.connect(backend) == 0);
    const auto life = plane.life("10.96.0.1:80/tcp", backend);
    CHECK(plane.kernel().open_sockets(life) == 1);
    const auto report = plane.condemn(backend);
    CHECK(report.terminated == 1);
    CHECK(report.first_failure == "");
    const int told = victim.recv_error(1s);
    CHECK((told == ECONNRESET || victim.send("more") == EPIPE));
    CHECK(bystander.send("still here") == 0);
    CHECK(bystander.is_silent());
    victim.close();
    // Its release is seen although that hook runs for another socket than the one that was noted.
    CHECK(plane.pump_until([&] { return plane.kernel().is_idle(life); }));
}

TEST_CASE("Multipath TCP that fell back to TCP is ended as TCP [E46]", "[kernel][multipath]") {
    Sandbox box("mptcp-fallback", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    Client client = multipath_client(box);
    REQUIRE(client.connect(kVip) == 0);
    REQUIRE(client.echo("hello") == "a");
    const auto report = plane.condemn(a);
    CHECK(report.terminated == 1);
    CHECK(report.first_failure == "");
    CHECK(client.recv_error() == ECONNABORTED);
}

TEST_CASE("mptcp: refuse makes socket() fail so that runtimes fall back [E46]", "[kernel][multipath]") {
    Sandbox box("mptcp-refuse", {"a"});
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint()})}, {.refuse_mptcp = true});
    CHECK(box.maker().make(AF_INET, SOCK_STREAM, kMptcp).error == EPROTONOSUPPORT);
    CHECK(box.maker().make(AF_INET6, SOCK_STREAM, kMptcp).error == EPROTONOSUPPORT);
    Client plain = box.client();
    CHECK(plain.connect(kVip) == 0);
    CHECK(plain.echo("hello") == "a");
}
