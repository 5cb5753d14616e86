// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/explain/explain.hpp"

#include "base/text.hpp"
#include "tests/support/catch.hpp"

#include <boost/json.hpp>

using namespace reseat;
using namespace reseat::proxy;
using namespace std::chrono_literals;
namespace json = boost::json;
using Catch::Contains;

namespace {

const SystemTime kNow = *parse_iso8601("2026-11-22T15:05:00Z");

BackendView backend(const std::string& name, const std::string& state) {
    BackendView one{.name = name, .address = "10.0.1." + name.substr(3) + ":5432", .state = state};
    one.since = kNow - 5min;
    one.weight = 1;
    one.check = {
        .type = "tcp", .result = "passed", .detail = "connected", .latency_us = 300us, .at = kNow - 2s};
    return one;
}

/// pg-1 vanished with 12 clients, pg-2 serves, pg-3 drains.
Facts night() {
    auto gone = backend("pg-1", "down");
    gone.reason = "no answer within 1s (3/3)";
    gone.check.result = "timeout";
    gone.check.detail = "no answer within 1s";
    gone.check.failures = 61;
    auto well = backend("pg-2", "up");
    well.effective_weight = 1;
    well.share = 1;
    well.open_sockets = 41;
    auto drained = backend("pg-3", "drain");
    drained.reason = "set by the operator";
    drained.open_sockets = 2;
    drained.sockets_end_at = kNow + 4min;
    Facts facts;
    facts.service = {.name = "postgres", .protocol = "tcp", .addresses = {"10.96.0.10:5432"}};
    facts.service.lb_policy = "round_robin";
    facts.service.eligible = 1;
    facts.service.total = 3;
    facts.service.open_sockets = 43;
    facts.service.last_failover = {kNow - 5min, "pg-1", "no answer within 1s (3/3)", 12, 12, 0, 0, 900us};
    facts.service.backends = {gone, well, drained};
    const json::object report{{"matched", 12}, {"terminated", 12},         {"repointed", 0},
                              {"failed", 0},   {"first_failure", nullptr}, {"duration_us", 900}};
    facts.events = {json::object{{"id", 7},
                                 {"at", "2026-11-22T15:00:00.000Z"},
                                 {"level", "warn"},
                                 {"type", "backend_down"},
                                 {"service", "postgres"},
                                 {"backend", "pg-1"},
                                 {"message", "postgres/pg-1 is DOWN: no answer within 1s (3/3)"},
                                 {"report", report}}};
    const json::object held{{"pid", 4711}, {"comm", "psql"}};
    facts.sockets["pg-3"] = {held, held};
    facts.settings = {{"on_no_healthy", "fail_open"},
                      {"connections", json::object{{"on_unreachable", "terminate"},
                                                   {"on_refused", "drain"},
                                                   {"on_check_failed", "drain"},
                                                   {"on_unresponsive", "drain"},
                                                   {"on_ejected", "keep"},
                                                   {"on_drain", "drain"},
                                                   {"on_remove", "drain"},
                                                   {"udp", "repoint"},
                                                   {"grace", "0s"},
                                                   {"drain_timeout", "5m"},
                                                   {"only_if_alternative", true}}}};
    return facts;
}

std::string explained(const Facts& facts) {
    return explain_text(facts, kNow, 0, false);
}

}  // namespace

TEST_CASE("explain says who serves, who does not, why and since when", "[explain]") {
    const std::string text = explained(night());
    CHECK_THAT(text, Contains("postgres (tcp): works with 1 of 3 backends; 43 open sockets"));
    CHECK_THAT(text, Contains("The workload connects to 10.96.0.10:5432."));
    CHECK_THAT(text, Contains("pg-2 at 10.0.1.2:5432 is up since 2026-11-22T15:00:00Z, for 5 min. "
                              "It gets 100 % of new connections and has 41 open sockets."));
    CHECK_THAT(text, Contains("Its tcp check said 2.0 s ago: connected, in 0.3 ms."));
    CHECK_THAT(
        text,
        Contains("pg-1 at 10.0.1.1:5432 is down since 2026-11-22T15:00:00Z, for 5 min: no answer within "
                 "1s (3/3). Nothing answers: its host is down or unreachable from here."));
    CHECK_THAT(text, Contains("no answer within 1s (61 failures in a row)"));
    CHECK_THAT(
        text,
        Contains(
            "pg-3 at 10.0.1.3:5432 is draining since 2026-11-22T15:00:00Z, for 5 min: set by the operator."));
}

TEST_CASE("explain says what became of sockets and what is still open", "[explain]") {
    const std::string text = explained(night());
    CHECK_THAT(text, Contains("12 sockets terminated, 0 re-pointed. No socket is open on it."));
    CHECK_THAT(text, Contains("2 sockets are open on it, of 2 x psql (pid 4711); those that are still open "
                              "are terminated in 4 min."));
    CHECK_THAT(
        text,
        Contains("The last failover was 5 min ago, from pg-1: no answer within 1s (3/3). Of 12 sockets on it "
                 "12 were terminated"));
    CHECK_THAT(text, Contains("No socket is waiting or stuck."));
    CHECK_THAT(text, Contains("2026-11-22T15:00:00.000Z warn  postgres/pg-1 is DOWN"));
}

TEST_CASE("explain says what will happen and what to do, as commands", "[explain]") {
    const std::string text = explained(night());
    CHECK_THAT(text, Contains("When a backend's host does not answer at all: they are terminated at once, so "
                              "that clients reconnect (ECONNABORTED) (on_unreachable: terminate)."));
    CHECK_THAT(
        text,
        Contains(
            "When it refuses connections: they stay open and are terminated after 5m (on_refused: drain)."));
    CHECK_THAT(text, Contains("reseat maint postgres/pg-1\n") && Contains("reseat ready postgres/pg-3\n"));
    auto datagrams = night();
    datagrams.service.protocol = "udp";
    CHECK_THAT(explained(datagrams), Contains("they are re-pointed to another backend, unnoticed"));
}

TEST_CASE("explain names who waits and who is stuck, and why", "[explain]") {
    auto facts = night();
    auto& gone = facts.service.backends[0];
    gone.open_sockets = 3;
    gone.waiting = 2;
    gone.stuck = 1;
    facts.service.waiting = 2;
    facts.service.stuck = 1;
    facts.sockets["pg-1"] = {json::object{{"pid", 12}, {"comm", "worker"}}};
    facts.events.front()["report"].as_object()["first_failure"] = "its lock is held";
    const std::string text = explained(facts);
    CHECK_THAT(text, Contains("43 open sockets, 2 waiting, 1 stuck"));
    CHECK_THAT(text, Contains("WAITING on pg-1: 2 sockets (held by worker (pid 12)), to be terminated or "
                              "re-pointed as soon as"));
    CHECK_THAT(
        text,
        Contains(
            "STUCK on pg-1: 1 socket (held by worker (pid 12)) could not be terminated: its lock is held."));
    CHECK_THAT(text, Contains("reseat terminate postgres/pg-1\n"));
}

TEST_CASE("explain tells distress by its name", "[explain]") {
    auto facts = night();
    facts.service.eligible = 0;
    facts.service.backends[1].state = "down";
    facts.service.panic = true;
    CHECK_THAT(explained(facts), Contains("no backend is healthy; the last healthy ones are used") &&
                                     Contains("on_no_healthy is fail_open"));
    facts.service.backends[1].share = 0;
    facts.service.panic = false;
    CHECK_THAT(explained(facts), Contains("no backend serves it: connects are refused") &&
                                     Contains("No backend: connects are refused at once."));
}

TEST_CASE("explain has nothing to advise where all is well, and fits a terminal", "[explain]") {
    auto facts = night();
    facts.service.backends = {facts.service.backends[1]};
    facts.service.eligible = facts.service.total = 1;
    CHECK_THAT(explained(facts),
               Contains("healthy, 1 of 1 backend eligible") && Contains("No action is needed.\n"));
    const std::string narrow = explain_text(night(), kNow, 80, false);
    for (const auto line : split(narrow, '\n')) CHECK(width(line) <= 80);
}

TEST_CASE("a level in reserve is told from the one that carries", "[explain]") {
    auto facts = night();
    auto& reserve = facts.service.backends[0];
    reserve = backend("pg-1", "up");
    reserve.priority = 1;
    CHECK_THAT(explained(facts),
               Contains("It is in reserve: priority 1 is used when no backend of priority 0 is eligible.") &&
                   Contains("Priority 0 is in use (of 2 levels)"));
}

TEST_CASE("explain tells those that cannot be checked from those that were not checked yet", "[explain]") {
    auto facts = night();
    auto& lacking = facts.service.backends[1];
    lacking.state = "unchecked";
    lacking.reason = "cannot be checked: cannot run /no: No such file or directory";
    lacking.check = {
        .type = "exec", .result = "not_probed", .detail = "cannot run /no: No such file or directory"};
    facts.service.backends = {lacking};
    facts.service.eligible = 0;
    std::string text = explained(facts);
    CHECK_THAT(text, Contains("no backend is known to be healthy; those not checked yet are used"));
    CHECK_THAT(text, Contains("cannot be checked: cannot run /no: No such file or directory. The check could "
                              "not be made, which says nothing about the backend. It still gets 100 %"));
    CHECK_THAT(text, Contains("Its exec check could not be made"));
    CHECK_THAT(text, Contains("pg-2: reseat cannot make the check: cannot run /no:") &&
                         Contains("health_check.exec.command") && Contains("reseat reload\n"));
    facts.service.backends[0].reason = "not checked yet";
    facts.service.backends[0].check = {.type = "tcp"};
    text = explained(facts);
    CHECK_THAT(text, Contains("is not checked yet since 2026-11-22T15:00:00Z, for 5 min. It still gets"));
    CHECK_THAT(text, Contains("those that have not been checked yet are used"));
    CHECK_THAT(text, Contains("No action is needed.\n"));
}

TEST_CASE("explain says of a service that left the configuration that its address is not balanced any more",
          "[explain]") {
    auto facts = night();
    auto& last = facts.service.backends[2];
    last.state = "removing";
    last.reason = "left the configuration";
    facts.service.backends = {last};
    facts.service.addresses.clear();
    facts.service.eligible = 0;
    facts.service.open_sockets = 2;
    facts.settings.clear();
    std::string text = explained(facts);
    CHECK_THAT(text, Contains("postgres (tcp): no longer in the configuration; 2 open sockets"));
    CHECK_THAT(text,
               Contains("Its address is no longer balanced: connects to it go to the network unchanged. 2 "
                        "sockets go on; those that are still open in 4 min are terminated then."));
    CHECK_THAT(text, !Contains("The workload connects to") && !Contains("refused at once") &&
                         !Contains("How a backend is selected") && !Contains("No action is needed.\n"));
    CHECK_THAT(text, Contains("reseat terminate postgres\n"));
    facts.service.backends[0].sockets_end_at.reset();
    CHECK_THAT(explained(facts), Contains("2 sockets go on until their processes close them."));
    facts.service.open_sockets = facts.service.backends[0].open_sockets = 0;
    text = explained(facts);
    CHECK_THAT(text, Contains("No socket is open any more") && !Contains("reseat terminate"));
}

TEST_CASE("explain advises on DNS where names are not resolved", "[explain]") {
    auto facts = night();
    facts.service.backends.clear();
    facts.service.eligible = facts.service.total = 0;
    facts.service.discovery = {{.name = "pg.internal", .type = "address", .error = "NXDOMAIN"},
                               {.name = "_pg._tcp.internal", .type = "srv"}};
    const std::string text = explained(facts);
    CHECK_THAT(text, Contains("The name pg.internal: find out why it does not resolve: NXDOMAIN."));
    CHECK_THAT(text, Contains("The name _pg._tcp.internal: no address is known."));
    CHECK_THAT(text,
               Contains("the name servers of /etc/resolv.conf") && Contains("dig +search pg.internal\n") &&
                   Contains("dig +search _pg._tcp.internal SRV\n") && !Contains("No action is needed.\n"));
}

TEST_CASE("explain tells what is held, and names that lead to a service instead of its servers",
          "[explain]") {
    auto facts = night();
    facts.service.backends = {facts.service.backends[1]};
    facts.service.eligible = facts.service.total = 1;
    facts.service.discovery = {{.name = "pg.internal", .type = "address", .addresses = {"10.0.1.2:5432"}}};
    facts.service.discovery[0].held = {{"10.0.1.2:5432", kNow - 5s, kNow + 25s}};
    std::string text = explained(facts);
    CHECK_THAT(
        text,
        Contains("10.0.1.2:5432 is held: absent from DNS for 5.0 s, but it passes its checks. It "
                 "is used for another 25 s, or longer if pg.internal resolves to it again (names.hold).") &&
            Contains(": healthy, ") && Contains("No action is needed.\n"));
    facts.service.discovery[0].held.clear();
    facts.service.discovery[0].service_addresses = {{"10.96.0.10:5432", facts.service.name}};
    text = explained(facts);
    CHECK_THAT(
        text,
        Contains("The name pg.internal resolves to 10.96.0.10:5432, the address of this very service") &&
            !Contains(": healthy, ") && !Contains("No action is needed.\n") && Contains("headless"));
}

TEST_CASE("explain tells a process that hangs from a host that is gone [E79]", "[explain]") {
    auto facts = night();
    auto& hangs = facts.service.backends[0];
    hangs.check.result = "unresponsive";
    hangs.check.detail = "connected, but no answer within 400ms";
    CHECK_THAT(explained(facts),
               Contains("Its host is alive, but the checked process does not answer: it hangs, is stopped or "
                        "is overloaded.") &&
                   Contains("pg-1: look at the checked process on its host") &&
                   Contains("When it accepts a connection but does not answer: they stay open and are "
                            "terminated after 5m (on_unresponsive: drain).") &&
                   !Contains("Nothing answers:"));
    hangs.check.result = "timeout";
    CHECK_THAT(explained(facts), Contains("pg-1: check that its host runs"));
}

TEST_CASE("explain says which family of addresses is refused while the other serves [E85]", "[explain]") {
    Facts facts = night();
    CHECK_THAT(explained(facts), !Contains("are refused at once"));
    facts.service.addresses.emplace_back("[fd96::10]:5432");
    facts.service.backends[0].address = "[fd00::1]:5432";
    CHECK_THAT(explained(facts), Contains("No IPv6 backend is eligible: connects to the IPv6 address are "
                                          "refused at once, so that clients use IPv4."));
    facts.service.backends[0].share = 1;
    CHECK_THAT(explained(facts), !Contains("are refused at once"));
}

TEST_CASE("of a service for both protocols only the events of the half are its own", "[explain]") {
    const ServiceView udp{.name = "dns", .protocol = "udp"};
    CHECK(is_about({{"protocol", "udp"}}, udp));
    CHECK_FALSE(is_about({{"protocol", "tcp"}}, udp));
    CHECK(is_about({{"protocol", nullptr}}, udp));
    CHECK(is_about({}, udp));
}
