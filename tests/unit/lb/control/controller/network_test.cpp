// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Service quick(std::string name, std::vector<Backend> backends) {
    Service made = service(0);
    made.name = std::move(name);
    made.backends = std::move(backends);
    made.health_check.fast_interval = 50ms;
    made.health_check.timeout = 50ms;
    return made;
}

const Backend kA = backend("a", "198.51.100.1:80");
const Backend kB = backend("b", "198.51.100.2:80");
const Backend kOurs = backend("ours", "127.0.0.1:80");

constexpr std::string_view kSuspected =
    "error: no backend on another machine answers any more (2 machines or more, of 1 service): the local "
    "network is the likely cause; no socket is terminated for it in the next 0.1s";

/// A check that is part of a row.
CheckStatus result(ProbeOutcome outcome) {
    CheckStatus status;
    status.result.outcome = outcome;
    return status;
}

}  // namespace

TEST_CASE("no backend on another machine answers: said once, sockets are held for a round, then ended [E67]",
          "[control][suspicion]") {
    Bench bench({quick("web", {kA, kB, kOurs})});
    bench.all_up(3);
    bench.plane.open = {{7, 4}, {8, 1}};
    bench.controller->on_check(bench.id(1), result(ProbeOutcome::no_answer), {});
    bench.hear(0, no_answer());
    bench.controller->on_check(bench.id(2), result(ProbeOutcome::passed), {});  // says nothing of the network
    CHECK(bench.plane.orders.empty());
    CHECK(bench.log.has(std::string(kSuspected)));
    CHECK(bench.log.has(
        "warning: web/a is DOWN: no answer within 1s (3/3), 2 of 3 backends left; 4 sockets held"));
    CHECK(contains(bench.plane.plans.back().drain, 7u));
    REQUIRE(run_until(bench.context, [&] { return !bench.plane.orders.empty(); }));
    CHECK(bench.plane.orders[0].life == 7);
}

TEST_CASE("an answer of another machine has the held sockets ended at once [E67]", "[control][suspicion]") {
    Service patient = quick("web", {kA, kB, kOurs});
    patient.health_check.fast_interval = 1h;
    patient.backends.push_back(backend("far", "198.51.100.3:80"));
    Bench bench({patient});
    bench.all_up(4);
    bench.plane.open = {{7, 4}};
    std::vector<BackendId> asked;
    bench.controller->on_suspect([&](BackendId backend) { asked.push_back(backend); });
    const BackendId far = bench.id(3);
    bench.controller->on_check(bench.id(1), result(ProbeOutcome::no_answer), {});
    bench.hear(0, no_answer());
    REQUIRE(bench.plane.orders.empty());
    CHECK(asked == std::vector{far});  // the one that may still answer
    bench.controller->on_check(far, result(ProbeOutcome::refused), {});
    bench.poll();
    CHECK(bench.log.has(
        "info: web/far answers: the local network works, sockets of failed backends are terminated again"));
    REQUIRE(bench.plane.orders.size() == 1);
    CHECK(bench.plane.orders[0].life == 7);
}

TEST_CASE("one machine that dies is told at once: two services, both protocols, both families [E67]",
          "[control][suspicion]") {
    const bool alone = GENERATE(true, false);
    const Backend a6 = backend("a6", "[2001:db8::1]:80");
    Service tcp = quick("any", {kA, a6}), udp = tcp, other = quick("db", {backend("x", "198.51.100.1:5432")});
    udp.protocol = Protocol::udp;
    if (!alone)
        for (Service* service : {&tcp, &udp, &other}) service->backends.push_back(kB);
    Bench bench({tcp, udp, other});
    REQUIRE(bench.controller->start().has_value());
    for (std::size_t service = 0; service < 3; ++service)
        for (std::size_t i = 0; i < bench.status(service).backends.size(); ++i) bench.hear(i, up(), service);
    for (const auto& [service, backend] : {std::pair{0u, 0u}, {0u, 1u}, {1u, 0u}, {1u, 1u}, {2u, 0u}})
        bench.tell(backend, no_answer(), service);
    bench.poll();
    CHECK(bench.log.text().find("culprit") == std::string::npos);
    CHECK(bench.plane.plans.back().condemn.size() == 5);
}
