// SPDX-License-Identifier: Apache-2.0
// How connects end, as the data path sees it: each failure is counted once, each success not at all.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

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
    Endpoint backend;
    TestPlane plane;
    lb::LifeId life;
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
    nonblocking.close();
    blocking.close();
    const auto outcomes = stage.outcomes();
    CHECK(outcomes.failures == 2);
    CHECK(outcomes.failures_in_a_row == 2);
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

TEST_CASE("a connect that is given up at once says nothing, one with a timeout of 250 ms is a failure [E44]",
          "[kernel][outcome]") {
    Stage stage("patience");
    stage.host().vanish();
    Client hasty = stage.box.client();
    REQUIRE(hasty.connect_nonblocking(stage.vip) == EINPROGRESS);
    hasty.close();
    CHECK(stage.outcomes().failures == 0);
    Client patient = stage.box.client();
    CHECK(patient.connect(stage.vip, 250ms) == ETIMEDOUT);
    CHECK(stage.outcomes().failures == 0);  // it may still succeed
    patient.close();
    CHECK(stage.outcomes().failures == 1);
    CHECK(stage.outcomes().failures_in_a_row == 1);
    CHECK(stage.outcomes().error == ETIMEDOUT);
    CHECK(stage.plane.pump_until([&] { return !stage.plane.failing().empty(); }));
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

TEST_CASE("a storm of failures costs few events and loses no count, on both cores [E44]",
          "[kernel][outcome]") {
    Stage stage("storm");
    stage.host().stop_listening();
    constexpr int kEach = 1500;  // together more than the ring buffer has room for
    auto storm = [&] {
        for (int i = 0; i < kEach; ++i) {
            Client client(UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
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
    const Endpoint nobody{box.host("a").endpoint().address, 9};
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
    const Endpoint backend = box.host("a").endpoint();
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
