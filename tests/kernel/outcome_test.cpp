// SPDX-License-Identifier: Apache-2.0
// How connects end, as the data path sees it: each failure is counted once, each success not at all.
#include "tests/kernel/victims.hpp"

#include <catch2/catch.hpp>

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

const std::string kService = "10.96.0.1:80/tcp";
const std::string kService6 = "[fd96::1]:80/tcp";

/// A data plane with one backend.
struct Stage {
    explicit Stage(const std::string& name, Family family = Family::v4)
        : box(name, {"a"}),
          vip(family == Family::v4 ? kVip : kVip6),
          backend(box.host("a").endpoint(family)),
          plane(box, {service(vip, {backend})}),
          life(plane.life(family == Family::v4 ? kService : kService6, backend)) {}

    lb::ConnectOutcomes outcomes() { return plane.kernel().connect_outcomes(life); }
    BackendHost& host() { return box.host("a"); }
    void set(Client& client, int option, int value) {
        REQUIRE(::setsockopt(client.fd(), IPPROTO_TCP, option, &value, sizeof(value)) == 0);
    }
    /// Connecting, and its first SYN got no answer.
    Client unanswered() {
        Client client = box.client();
        REQUIRE(client.connect_nonblocking(vip) == EINPROGRESS);
        REQUIRE(wait_until([&] {
            tcp_info info{};
            socklen_t size = sizeof(info);
            ::getsockopt(client.fd(), IPPROTO_TCP, TCP_INFO, &info, &size);
            return info.tcpi_retransmits > 0;
        }));
        return client;
    }

    Sandbox box;
    Where vip;
    lb::Endpoint backend;
    TestPlane plane;
    lb::LifeId life;
};

/// Accepts on a port of its own of host a, and does with connections what a test wants.
class Server {
public:
    explicit Server(Sandbox& box) : machine_(box.host("a").machine()) {
        machine_.net().run([&] {
            fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            SocketAddress any(lb::Endpoint{machine_.address(), 0}, AF_INET);
            if (!fd_ || ::bind(fd_.get(), any.get(), any.length) != 0 || ::listen(fd_.get(), 16) != 0)
                throw std::system_error(errno, std::generic_category(), "a listener");
            SocketAddress bound;
            ::getsockname(fd_.get(), bound.get(), &bound.length);
            where_ = bound.endpoint();
            return 0;
        });
    }
    const lb::Endpoint& where() const { return where_; }
    bpf::UniqueFd accept() { return bpf::UniqueFd(::accept(fd_.get(), nullptr, nullptr)); }
    /// Sends `text`, then RST.
    void answer_and_reset(std::string_view text) {
        bpf::UniqueFd peer = accept();
        if (!text.empty()) (void)!::send(peer.get(), text.data(), text.size(), 0);
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }

private:
    proxy::Host& machine_;
    bpf::UniqueFd fd_;
    lb::Endpoint where_;
};

/// As Stage, with a Server as the backend.
struct ServedStage {
    explicit ServedStage(const std::string& name)
        : box(name, {"a"}), server(box), plane(box, {service(kVip, {server.where()})}) {}

    lb::ConnectOutcomes outcomes() {
        return plane.kernel().connect_outcomes(plane.life(kService, server.where()));
    }
    Client connected() {
        Client client = box.client();
        REQUIRE(client.connect(kVip) == 0);
        return client;
    }
    void reset_one() {
        Client client = connected();
        server.answer_and_reset("");
        REQUIRE(client.recv_error() == ECONNRESET);
    }

    Sandbox box;
    Server server;
    TestPlane plane;
};

}  // namespace

TEST_CASE("a refused connect is counted once, v4, v6, blocking or not [E44]", "[kernel][outcome]") {
    const auto family = GENERATE(Family::v4, Family::v6);
    Stage stage(family == Family::v4 ? "refused4" : "refused6", family);
    stage.host().stop_listening();
    Client blocking = stage.box.client(Protocol::tcp, family);
    CHECK(blocking.connect(stage.vip) == ECONNREFUSED);
    CHECK(stage.outcomes().failures == 1);
    Client nonblocking = stage.box.client(Protocol::tcp, family);
    const int begun = nonblocking.connect_nonblocking(stage.vip);
    CHECK((begun == ECONNREFUSED || nonblocking.finish_connect() == ECONNREFUSED));
    CHECK(stage.outcomes().failures == 2);
    CHECK(blocking.connect(stage.vip) == ECONNREFUSED);  // the same socket again
    nonblocking.close();
    blocking.close();
    const auto outcomes = stage.outcomes();
    CHECK(outcomes.failures == 3);
    CHECK(outcomes.failures_in_a_row == 3);
    CHECK(outcomes.error == ECONNREFUSED);
    CHECK(outcomes.resets == 0);
    CHECK(stage.plane.pump_until([&] { return !stage.plane.failing().empty(); }));
    CHECK(stage.plane.failing().front() == stage.life);
}

TEST_CASE("a connect that succeeds ends the row and is not counted [E44]", "[kernel][outcome]") {
    Stage stage("success");
    for (int i = 0; i < 3; ++i) {
        Client client = stage.box.client();
        REQUIRE(client.connect(stage.vip) == 0);
        CHECK(client.echoes("hello"));
    }
    CHECK(stage.outcomes().failures == 0);
    stage.host().stop();
    for (int i = 0; i < 2; ++i) CHECK(stage.box.client().connect(stage.vip) == ECONNREFUSED);
    CHECK(stage.outcomes().failures_in_a_row == 2);
    stage.host().restart();
    CHECK(stage.box.client().connect(stage.vip) == 0);
    CHECK(stage.outcomes().failures_in_a_row == 0);
    CHECK(stage.outcomes().failures == 2);
    stage.host().stop();
    CHECK(stage.box.client().connect(stage.vip) == ECONNREFUSED);
    CHECK(stage.outcomes().failures_in_a_row == 1);
    stage.plane.kernel().forgive(stage.life);
    CHECK(stage.outcomes().failures_in_a_row == 0);
    CHECK(stage.outcomes().failures == 3);
}

TEST_CASE("a connect that times out is counted once, its repeated SYN is a hint before [E44]",
          "[kernel][outcome]") {
    Stage stage("timeout");
    stage.host().vanish();
    Client client = stage.unanswered();
    CHECK(stage.outcomes().failures == 0);
    CHECK(stage.plane.pump_until([&] { return !stage.plane.failing().empty(); }));
    stage.set(client, TCP_USER_TIMEOUT, 1500);
    CHECK(client.finish_connect(10s) == ETIMEDOUT);
    client.close();
    CHECK(stage.outcomes().failures == 1);
    CHECK(stage.outcomes().error == ETIMEDOUT);
}

TEST_CASE("who gives up connecting early says nothing, who has waited for a second does [E44]",
          "[kernel][outcome]") {
    Stage stage("patience");
    stage.host().vanish();
    Client hasty = stage.box.client();
    REQUIRE(hasty.connect_nonblocking(stage.vip) == EINPROGRESS);
    hasty.close();
    CHECK(stage.outcomes().failures == 0);
    Client patient = stage.unanswered();
    patient.close();
    CHECK(stage.outcomes().failures == 1);
    CHECK(stage.outcomes().error == ETIMEDOUT);
}

TEST_CASE("connect to AF_UNSPEC is no failure, whatever the state [E44]", "[kernel][outcome]") {
    Stage stage("unspec");
    Client open = stage.box.client();
    REQUIRE(open.connect(stage.vip) == 0);
    REQUIRE(open.disconnect() == 0);
    stage.host().vanish();
    Client connecting = stage.box.client();
    REQUIRE(connecting.connect_nonblocking(stage.vip) == EINPROGRESS);
    (void)connecting.disconnect();
    CHECK(stage.outcomes().failures == 0);
    CHECK(stage.outcomes().resets == 0);
}

TEST_CASE("sockets that we end are no failures, connecting or connected [E44]", "[kernel][outcome]") {
    Stage stage("ours");
    Client open = stage.box.client();
    REQUIRE(open.connect(stage.vip) == 0);
    stage.host().vanish();
    Client connecting = stage.box.client();
    REQUIRE(connecting.connect_nonblocking(stage.vip) == EINPROGRESS);
    const bool condemned_first = GENERATE(true, false);
    const auto report = condemned_first ? stage.plane.condemn(stage.backend) : stage.plane.reseat(stage.life);
    CHECK(report.terminated == 2);
    CHECK(open.recv_error() == ECONNABORTED);
    CHECK(stage.outcomes().failures == 0);
    CHECK(stage.outcomes().resets == 0);
}

TEST_CASE("a reset before the first byte is counted, however the handshake went [E44]", "[kernel][outcome]") {
    ServedStage stage("resets");
    stage.reset_one();
    stage.reset_one();
    CHECK(stage.outcomes().resets == 2);
    CHECK(stage.outcomes().resets_in_a_row == 2);
    CHECK(stage.outcomes().failures == 0);

    SECTION("a reset after an answer is none, and ends the row") {
        Client client = stage.connected();
        bpf::UniqueFd peer = stage.server.accept();
        REQUIRE(::send(peer.get(), "x", 1, 0) == 1);
        CHECK(client.recv().text == "x");
        const linger now{.l_onoff = 1, .l_linger = 0};
        REQUIRE(::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
        peer.reset();
        CHECK(client.recv_error() == ECONNRESET);
        CHECK(stage.outcomes().resets == 2);
        CHECK(stage.outcomes().resets_in_a_row == 0);
    }
    SECTION("a connection with an answer ends the row when the application closes it") {
        Client client = stage.connected();
        const bpf::UniqueFd peer = stage.server.accept();
        REQUIRE(::send(peer.get(), "x", 1, 0) == 1);
        CHECK(client.recv().text == "x");
        CHECK(stage.outcomes().resets_in_a_row == 2);
        client.close();
        CHECK(stage.outcomes().resets_in_a_row == 0);
    }
    SECTION("... and when its peer does") {
        Client client = stage.connected();
        bpf::UniqueFd peer = stage.server.accept();
        REQUIRE(::send(peer.get(), "x", 1, 0) == 1);
        peer.reset();
        CHECK(client.recv().text == "x");
        CHECK(client.recv().text == "");
        client.close();
        CHECK(stage.outcomes().resets_in_a_row == 0);
    }
    SECTION("who is closed in order without a byte says nothing") {
        Client client = stage.connected();
        stage.server.accept().reset();
        CHECK(client.recv().text == "");
        client.close();
        CHECK(stage.outcomes().resets == 2);
        CHECK(stage.outcomes().resets_in_a_row == 2);
    }
    SECTION("closed, and reset when the request comes, counts") {
        Client client = stage.connected();
        stage.server.accept().reset();
        CHECK(client.recv().text == "");
        CHECK(client.send("request") == 0);
        CHECK(wait_until([&] { return client.send("more") == EPIPE; }));
        CHECK(stage.outcomes().resets == 3);
    }
}

TEST_CASE("a storm of failures costs few events and loses no count, on both cores [E44]",
          "[kernel][outcome]") {
    Stage stage("storm");
    stage.host().stop_listening();
    constexpr int kEach = 1500;  // together more than the ring buffer has room for
    auto storm = [&] {
        for (int i = 0; i < kEach; ++i) {
            Client client(bpf::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
            if (client.connect(kVip) != ECONNREFUSED) return 1;
        }
        return 0;
    };
    Process one = stage.box.spawn(storm), other = stage.box.spawn(storm);
    REQUIRE(one.wait() == 0);
    REQUIRE(other.wait() == 0);
    CHECK(stage.outcomes().failures == 2 * kEach);
    CHECK(stage.outcomes().failures_in_a_row == 2 * kEach);
    CHECK(stage.plane.failing().empty());  // nobody listened
    CHECK(stat(stage.plane, "events_lost") == 0);
    REQUIRE(stage.plane.pump_until([&] { return !stage.plane.failing().empty(); }));
    stage.plane.pump_until([] { return false; }, 100ms);
    CHECK(stage.plane.failing().size() == 1);
    CHECK(stage.box.client().connect(stage.vip) == ECONNREFUSED);
    CHECK(stage.plane.pump_until([&] { return stage.plane.failing().size() == 2; }));
}

TEST_CASE("what came while an event was being taken is told after it [E44]", "[kernel][outcome]") {
    Stage stage("retold");
    stage.host().stop_listening();
    CHECK(stage.box.client().connect(stage.vip) == ECONNREFUSED);
    REQUIRE(stage.plane.pump_until([&] { return stage.plane.failing().size() == 1; }));
    CHECK(stage.box.client().connect(stage.vip) == ECONNREFUSED);
    CHECK(stage.plane.pump_until([&] { return stage.plane.failing().size() >= 2; }));
}

TEST_CASE("a life that takes no new sockets is not judged by them [E44]", "[kernel][outcome]") {
    Stage stage("draining");
    stage.host().vanish();
    Client client = stage.unanswered();
    lb::Plan plan;
    plan.drain.push_back(stage.life);
    stage.plane.publish(plan);
    client.close();
    CHECK(stage.outcomes().failures == 0);
}

TEST_CASE("UDP that is refused counts for nothing: no hook sees it [E44]", "[kernel][outcome]") {
    Sandbox box("outcome-udp", {"a"});
    const lb::Endpoint nobody{box.host("a").endpoint().address, 9};
    TestPlane plane(box, {service(kVip, {nobody}, Protocol::udp)});
    Client client = box.client(Protocol::udp);
    REQUIRE(client.connect(kVip) == 0);
    REQUIRE(client.send("hello") == 0);
    CHECK(client.recv_error() == ECONNREFUSED);
    client.close();
    const auto outcomes = plane.kernel().connect_outcomes(plane.life("10.96.0.1:80/udp", nobody));
    CHECK(outcomes.failures == 0);
    CHECK(outcomes.resets == 0);
}

TEST_CASE("failures stay counted when maps are outgrown [E37][E44]", "[kernel][outcome]") {
    Sandbox box("outcome-growth", {"a"});
    const lb::Endpoint backend = box.host("a").endpoint();
    TestPlane plane(box, {service(kVip, {backend})}, {.max_backends = 4});
    const auto life = plane.life(kService, backend);
    box.host("a").stop_listening();
    CHECK(box.client().connect(kVip) == ECONNREFUSED);
    lb::Plan plan;
    for (int i = 0; i < 8; ++i)
        plan.begin.push_back({plane.next_life(), plane.service_id(kService), backend});
    plane.publish(plan);
    CHECK(plane.kernel().connect_outcomes(life).failures == 1);
    CHECK(box.client().connect(kVip) == ECONNREFUSED);
    CHECK(plane.kernel().connect_outcomes(life).failures == 2);
    CHECK(plane.pump_until([&] { return !plane.failing().empty(); }));
}
