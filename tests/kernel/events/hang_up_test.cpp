// SPDX-License-Identifier: Apache-2.0
// That a peer closes a connection which the workload has open is worth a probe; that the workload does is
// not.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <vector>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

struct Stage {
    explicit Stage(const std::string& name)
        : box(name, {"a"}),
          plane(box, {service(kVip, {box.host("a").endpoint()})}),
          life(plane.life("10.96.0.1:80/tcp", box.host("a").endpoint())) {}

    Client connected() {
        Client client = box.client();
        REQUIRE(client.connect(kVip) == 0);
        REQUIRE(client.echoes("hello"));
        return client;
    }

    Sandbox box;
    TestPlane plane;
    lb::LifeId life;
};

}  // namespace

TEST_CASE("peers that close are told of once, however many connections end, and again later [E81]",
          "[kernel][outcome]") {
    Stage stage("hang-up");
    std::vector<Client> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(stage.connected());
    stage.box.host("a").stop();
    REQUIRE(stage.plane.pump_until([&] { return !stage.plane.failing().empty(); }));
    CHECK(stage.plane.failing() == std::vector{stage.life});
    stage.box.host("a").restart();
    const auto again = [&] {
        stage.connected();
        Client client = stage.connected();
        stage.box.host("a").stop();
        stage.box.host("a").restart();
        return stage.plane.failing().size() > 1;
    };
    CHECK(stage.plane.pump_until(again));
}

TEST_CASE("that the workload itself closes is not told [E81]", "[kernel][outcome]") {
    Stage stage("own-close");
    for (int i = 0; i < 20; ++i) stage.connected();
    Client witness = stage.connected();
    stage.plane.pump_until([] { return false; }, 50ms);
    CHECK(stage.plane.failing().empty());
    stage.box.host("a").stop();
    CHECK(stage.plane.pump_until([&] { return !stage.plane.failing().empty(); }));
}

TEST_CASE("hang-ups of a life that takes no new sockets are not told [E81]", "[kernel][outcome]") {
    Stage stage("hung-up-draining");
    Client client = stage.connected();
    lb::Plan plan;
    plan.drain.push_back(stage.life);
    stage.plane.publish(plan);
    stage.box.host("a").stop();
    CHECK(client.recv().error == 0);
    stage.plane.pump_until([] { return false; }, 50ms);
    CHECK(stage.plane.failing().empty());
}
