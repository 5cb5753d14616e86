// SPDX-License-Identifier: Apache-2.0
// What is chosen while both cores connect at once: as the table has it, and nothing is counted twice.
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <map>
#include <numeric>

#include <sched.h>
#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;

namespace {

const Where kVip = "10.96.0.1:80";
constexpr unsigned kConnects = 6000;  ///< of each process
/// Sockets that each process has open meanwhile. least_conn balances these: where they are few, those of a
/// process that is not scheduled for a while have the other one's connects go elsewhere.
constexpr unsigned kHeld = 128;

/// Connects again and again, on one core.
int keep_connecting(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    ::sched_setaffinity(0, sizeof set, &set);  // where there is only one core it has to do
    std::vector<Client> held;
    for (unsigned i = 0; i < kConnects; ++i) {
        Client client{UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))};
        if (client.connect(kVip) != 0) return 1;
        if (held.size() < kHeld)
            held.push_back(std::move(client));
        else
            held[i % kHeld] = std::move(client);
    }
    return 0;
}

using Picks = std::map<std::string, unsigned>;

/// How often each host was chosen from a table of these slots.
Picks picks(Sandbox& box, lb::LbPolicy policy, const std::vector<std::string>& slots) {
    auto spec = service(kVip, {box.host("a").endpoint(), box.host("b").endpoint(), box.host("c").endpoint()},
                        Protocol::udp);
    spec.lb_policy = policy;
    TestPlane plane(box, {spec});
    lb::Plan plan;
    plan.tables = {{plane.service_id(spec.name), Family::v4, {}}};
    for (const auto& host : slots)
        plan.tables[0].slots.push_back(plane.life(spec.name, box.host(host).endpoint()));
    plane.publish(plan);
    auto one = box.spawn([] { return keep_connecting(0); });
    auto other = box.spawn([] { return keep_connecting(1); });
    CHECK(one.wait() == 0);
    CHECK(other.wait() == 0);
    Picks picks;
    for (const auto* host : {"a", "b", "c"}) {
        const auto life = plane.life(spec.name, box.host(host).endpoint());
        picks[host] = static_cast<unsigned>(plane.kernel().connects_total(life));
        CHECK(plane.pump_until([&] { return plane.kernel().open_sockets(life) == 0; }));
    }
    CHECK(picks["a"] + picks["b"] + picks["c"] == 2 * kConnects);
    return picks;
}

}  // namespace

TEST_CASE("both cores at once: round robin's picks are exactly the table's", "[kernel][choice]") {
    Sandbox box("both-turns");
    const Picks got = picks(box, lb::LbPolicy::round_robin, {"a", "a", "b", "a", "c", "a"});
    CHECK(got == Picks{{"a", 8000}, {"b", 2000}, {"c", 2000}});
}

TEST_CASE("both cores at once: random picks are the table's by chi-square", "[kernel][choice]") {
    Sandbox box("both-random");
    const Picks got = picks(box, lb::LbPolicy::random, {"a", "a", "b", "a", "c", "a"});
    const auto part = [](double picked, double meant) { return (picked - meant) * (picked - meant) / meant; };
    CHECK(part(got.at("a"), 8000) + part(got.at("b"), 2000) + part(got.at("c"), 2000) <
          27.6);  // 2 degrees of freedom: exceeded once in a million
}

TEST_CASE("both cores at once: least_conn keeps to the weights, and counts end at 0", "[kernel][choice]") {
    Sandbox box("both-least");
    const Picks got = picks(box, lb::LbPolicy::least_conn, {"a", "a", "b", "a", "c", "a"});
    CHECK(got.at("a") == Approx(8000).epsilon(0.1));
    CHECK(got.at("b") == Approx(2000).epsilon(0.2));
    CHECK(got.at("c") == Approx(2000).epsilon(0.2));
}

TEST_CASE("both cores at once: maglev sends one user to one backend", "[kernel][choice]") {
    Sandbox box("both-maglev");
    const Picks got = picks(box, lb::LbPolicy::maglev, {"c", "b", "a"});
    CHECK(got == Picks{{"a", 0}, {"b", 0}, {"c", 2 * kConnects}});  // uid 0 hashes to the first slot
}
