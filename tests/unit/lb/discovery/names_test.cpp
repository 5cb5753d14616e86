// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/expansion.hpp"
#include "lb/discovery/name_news.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

using Lookups = std::vector<Lookup>;
using Lines = std::vector<std::string>;

Lookup address(std::string name) {
    return {std::move(name), RecordType::address};
}

Lookup srv(std::string name) {
    return {std::move(name), RecordType::srv};
}

/// One answer to each question.
bool hears(Names& names, const Lookup& lookup, Answer answer, TimePoint now = kNow) {
    bool news = false;
    const auto queries = queries_of(lookup);
    for (std::size_t i = 0; i < answer.size(); ++i)
        news |= names.on_answer(lookup, queries[i], answer[i], now, kClock, 0);
    return news;
}

/// The names that are due, with both their questions, or the one that an SRV name has.
Lookups due(Names& names, TimePoint now) {
    Lookups lookups;
    for (const Question& question : names.take_due(now)) {
        CHECK(question.queries == queries_of(question.lookup));
        lookups.push_back(question.lookup);
    }
    return lookups;
}

/// Names that follow one service and were asked for.
Names following(const std::vector<Service>& services) {
    Names names;
    names.follow(services, kNow);
    names.take_due(kNow);
    return names;
}

/// "NAME weight W priority P" of each backend of the first service.
Lines backends(const Names& names, const std::vector<Service>& services) {
    Lines lines;
    const auto expanded = expand(services, names.view(services));
    for (const Backend& backend : expanded.at(0).backends)
        lines.push_back(backend.name + " weight " + std::to_string(backend.weight) + " priority " +
                        std::to_string(backend.priority));
    return lines;
}

Lines news(const std::vector<NameView>& before, const std::vector<NameView>& now) {
    Lines lines;
    for (const auto& event : name_news(before, now, kNow))
        lines.push_back((event.level == Event::Level::warn ? "! " : "") + event.message);
    return lines;
}

}  // namespace

TEST_CASE("each name is asked for once, however many services have it", "[discovery]") {
    const std::vector<Service> services = {with_names("one", {named("pg.test"), named("db.test")}),
                                           with_names("two", {named("pg.test", 6432)})};
    Names names;
    names.follow(services, kNow);
    CHECK(names.next_due() == kNow);
    CHECK(due(names, kNow) == Lookups{address("db.test"), address("pg.test")});
    CHECK(names.take_due(kNow).empty());
    CHECK_FALSE(names.next_due());
    CHECK_FALSE(names.answered(services, kNow));
    CHECK(hears(names, address("pg.test"), v4_only(30s, {"10.0.0.1"})));
    CHECK(names.next_due() == kNow + 30s);
    CHECK(names.take_due(kNow + 29s).empty());
    CHECK(due(names, kNow + 30s) == Lookups{address("pg.test")});
    CHECK(hears(names, address("db.test"), {failed(), failed()}));
    CHECK(names.answered(services, kNow));
    CHECK_FALSE(hears(names, address("db.test"), v4_only(30s, {"10.0.0.9"})));  // nobody asked
    CHECK_FALSE(hears(names, address("other.test"), v4_only(30s, {"10.0.0.9"})));
}

TEST_CASE("so many questions are on their way at a time and no more", "[discovery]") {
    std::vector<NamedBackends> many;
    for (unsigned i = 0; i < Names::kAtOnce + 10; ++i)
        many.push_back(named("n" + std::to_string(i) + ".test"));
    Names names;
    names.follow({with_names("one", many)}, kNow);
    const auto asked = due(names, kNow);
    CHECK(asked.size() == Names::kAtOnce);
    CHECK_FALSE(names.next_due());
    hears(names, asked.front(), v4_only(30s, {"10.0.0.1"}));
    CHECK(names.next_due() == kNow);
    CHECK(names.take_due(kNow).size() == 1);
}

TEST_CASE("another configuration keeps what is known of names that stay", "[discovery]") {
    const std::vector<Service> before = {with_names("one", {named("pg.test"), named("db.test")})};
    const std::vector<Service> after = {with_names("one", {named("pg.test"), named("new.test")})};
    Names names = following(before);
    hears(names, address("pg.test"), v4_only(30s, {"10.0.0.1"}));
    names.want(after, kNow);
    CHECK(due(names, kNow) == Lookups{address("new.test")});
    hears(names, address("new.test"), v4_only(30s, {"10.0.0.2"}));
    names.follow(after, kNow);
    CHECK(names.take_due(kNow).empty());
    CHECK(backends(names, after) ==
          Lines{"pg.test@10.0.0.1:5432 weight 1 priority 0", "new.test@10.0.0.2:5432 weight 1 priority 0"});
    CHECK_FALSE(hears(names, address("db.test"), v4_only(30s, {"10.0.0.3"})));  // forgotten
    names.follow({}, kNow);
    CHECK_FALSE(names.next_due());
}

TEST_CASE("views that differ in nothing that serves expand alike", "[discovery]") {
    const std::vector<Service> services = {with_names("one", {named("pg.test")})};
    Names names = following(services);
    hears(names, address("pg.test"), v4_only(30s, {"10.0.0.1"}));
    const auto before = names.view(services);
    auto now = before;
    now[0].endpoints[0].absent = Absence{};
    now[0].error = "SERVFAIL";
    CHECK(expand_alike(before, now));
    now[0].endpoints[0].srv = SrvRecord{};
    CHECK_FALSE(expand_alike(before, now));
    now = before;
    now[0].endpoints.push_back(now[0].endpoints[0]);
    CHECK_FALSE(expand_alike(before, now));
    CHECK_FALSE(expand_alike({}, before));
}

TEST_CASE("the backends of a name are its addresses, with what is written for all of them", "[discovery]") {
    Service service = with_names("one", {named("pg.test")});
    service.backends = {{.name = "pg-1", .endpoint = at("10.0.0.1:5432"), .weight = 7}};
    service.named_backends[0].weight = 3;
    service.named_backends[0].priority = 2;
    service.named_backends[0].state = OperatorState::drain;
    Names names = following({service});
    hears(names, address("pg.test"), {records(30s, {"10.0.0.2", "10.0.0.1"}), records(30s, {"fd00::1"})});
    CHECK(backends(names, {service}) ==  // an address that is there twice is the first's
          Lines{"pg-1 weight 7 priority 0", "pg.test@10.0.0.2:5432 weight 3 priority 2",
                "pg.test@[fd00::1]:5432 weight 3 priority 2"});
    const auto expanded = expand({service}, names.view({service}));
    CHECK(expanded[0].backends[1].state == OperatorState::drain);
    CHECK(expanded[0].named_backends.empty());
    CHECK(expanded[0].backends[0].dns_name.empty());
    CHECK(expanded[0].backends[1].dns_name == "pg.test");
}

TEST_CASE("a backend knows the DNS name that has its address, and what its own check is called",
          "[discovery]") {
    std::vector<Service> services = {with_names("one", {named("pg.test."), named_srv("_pg._tcp.test")})};
    services[0].named_backends[0].check = {.server_name = "own.test", .host = "host.test"};
    Names names = following(services);
    hears(names, address("pg.test."), v4_only(30s, {"10.0.0.1"}));
    hears(names, srv("_pg._tcp.test"), {srv_records(30s, {{0, 1, 5432, "target.test."}})});
    names.take_due(kNow);
    hears(names, address("target.test."), v4_only(30s, {"10.0.0.2"}));
    const auto expanded = expand(services, names.view(services));
    REQUIRE(expanded[0].backends.size() == 2);
    CHECK(expanded[0].backends[0].dns_name == "pg.test");
    CHECK(expanded[0].backends[0].check.server_name == "own.test");
    CHECK(expanded[0].backends[0].check.host == "host.test");
    CHECK(expanded[0].backends[1].dns_name == "target.test");
}

TEST_CASE("the targets of SRV records are asked for, and forgotten with their records", "[discovery]") {
    const std::vector<Service> services = {with_names("one", {named_srv("_pg._tcp.test")})};
    Names names;
    names.follow(services, kNow);
    CHECK(due(names, kNow) == Lookups{srv("_pg._tcp.test")});
    hears(names, srv("_pg._tcp.test"),
          {srv_records(30s, {{0, 1, 5432, "a.test."}, {0, 1, 5433, "b.test."}})});
    CHECK_FALSE(names.answered(services, kNow));
    CHECK(due(names, kNow) == Lookups{address("a.test."), address("b.test.")});
    hears(names, address("a.test."), v4_only(10s, {"10.0.0.1"}));
    CHECK_FALSE(names.answered(services, kNow));
    hears(names, address("b.test."), {none(), none()});
    CHECK(names.answered(services, kNow));
    CHECK(backends(names, services) == Lines{"_pg._tcp.test@10.0.0.1:5432 weight 1 priority 0"});
    CHECK(names.view(services)[0].error == "b.test.: no such name (NXDOMAIN)");
    CHECK(names.take_due(kNow + 30s).size() == 3);
    hears(names, srv("_pg._tcp.test"), {srv_records(30s, {{0, 1, 5432, "a.test."}})}, kNow + 30s);
    CHECK(names.view(services)[0].error.empty());
    CHECK_FALSE(hears(names, address("b.test."), v4_only(10s, {"10.0.0.2"})));
}

TEST_CASE("SRV priorities order the backends within a level of the configuration", "[discovery]") {
    Service service = with_names("one", {named_srv("_pg._tcp.test"), named("far.test")});
    service.named_backends[1].priority = 1;
    service.backends = {{.name = "last", .endpoint = at("10.0.9.9:5432"), .priority = 2}};
    Names names = following({service});
    hears(names, srv("_pg._tcp.test"),
          {srv_records(
              30s, {{10, 0, 5432, "a.test."}, {20, 600, 5432, "b.test."}, {20, 60000, 5433, "b.test."}})});
    names.take_due(kNow);
    hears(names, address("a.test."), v4_only(30s, {"10.0.0.1"}));
    hears(names, address("b.test."), v4_only(30s, {"10.0.0.2"}));
    hears(names, address("far.test"), v4_only(30s, {"10.0.0.3"}));
    CHECK(backends(names, {service}) == Lines{"last weight 1 priority 131072",
                                              "_pg._tcp.test@10.0.0.1:5432 weight 1 priority 10",
                                              "_pg._tcp.test@10.0.0.2:5432 weight 2 priority 20",
                                              "_pg._tcp.test@10.0.0.2:5433 weight 256 priority 20",
                                              "far.test@10.0.0.3:5432 weight 1 priority 65536"});
}

TEST_CASE("what served before this process is good for a name until it has records", "[discovery]") {
    const std::vector<Service> services = {
        with_names("one", {named("known.test"), named("pg.test"), named_srv("_pg._tcp.test")}),
        with_names("two", {named("pg.test")})};
    Names names = following(services);
    names.inherit("one", Protocol::tcp, {at("10.0.0.1:5432"), at("10.0.0.2:6432")});
    hears(names, address("known.test"), v4_only(30s, {"10.0.0.9"}));
    hears(names, address("pg.test"), {failed(), failed()});
    CHECK(backends(names, services) == Lines{"known.test@10.0.0.9:5432 weight 1 priority 0",
                                             "pg.test@10.0.0.1:5432 weight 1 priority 0",
                                             "_pg._tcp.test@10.0.0.2:6432 weight 1 priority 0"});
    CHECK(expand(services, names.view(services))[1].backends.empty());
    names.take_due(kNow + 1s);
    hears(names, address("pg.test"), v4_only(30s, {"10.0.0.5"}));
    CHECK(backends(names, services)[1] == "pg.test@10.0.0.5:5432 weight 1 priority 0");
}

TEST_CASE("all are asked for at once when whoever answers is another one", "[discovery]") {
    const std::vector<Service> services = {with_names("one", {named("pg.test"), named("db.test")})};
    Names names = following(services);
    hears(names, address("pg.test"), v4_only(30s, {"10.0.0.1"}));
    names.hurry(kNow + 1s);
    CHECK(due(names, kNow + 1s) == Lookups{address("pg.test")});
    hears(names, address("db.test"), v4_only(30s, {"10.0.0.1"}), kNow + 2s);
    CHECK(due(names, kNow + 2s) == Lookups{address("db.test")});
}

TEST_CASE("people hear of other addresses, of the first failure and of the end of failing", "[discovery]") {
    const std::vector<Service> services = {with_names("postgres", {named("pg.test")})};
    Names names = following(services);
    std::vector<NameView> before;
    const auto told = [&](Answer answer) {
        names.take_due(kNow + 1h);
        hears(names, address("pg.test"), std::move(answer));
        const auto lines = news(before, names.view(services));
        before = names.view(services);
        return lines;
    };
    CHECK(told({failed(), failed()}) ==
          Lines{"! postgres: pg.test cannot be resolved: SERVFAIL; no backend is known yet"});
    CHECK(told({none(), none()}).empty());
    CHECK(told(v4_only(30s, {"10.0.1.11"})) ==
          Lines{"postgres: pg.test is now 10.0.1.11 (1 added), next query in 30 s"});
    CHECK(told(v4_only(30s, {"10.0.1.11"})).empty());
    CHECK(told(v4_only(30s, {"10.0.1.11", "10.0.1.12"})) ==
          Lines{"postgres: pg.test is now 10.0.1.11, 10.0.1.12 (1 added), next query in 30 s"});
    CHECK(told(v4_only(5s, {"10.0.1.12", "10.0.1.13"})) ==
          Lines{"postgres: pg.test is now 10.0.1.12, 10.0.1.13 (1 added, 1 drains), next query in 5 s"});
    CHECK(told({failed(), failed()}) ==
          Lines{"! postgres: pg.test cannot be resolved: SERVFAIL; still using 10.0.1.12, 10.0.1.13"});
    CHECK(told({failed(), failed()}).empty());
    CHECK(told(v4_only(5s, {"10.0.1.12", "10.0.1.13"})) ==
          Lines{"postgres: pg.test is resolved again: still 10.0.1.12, 10.0.1.13"});
}

TEST_CASE("they hear it once of a service for both protocols, and of what is left out", "[discovery]") {
    Service tcp = with_names("dns", {named("ns.test", 53)});
    tcp.connections.on_remove = SocketFate::terminate;
    Service udp = tcp;
    udp.protocol = Protocol::udp;
    Names names = following({tcp, udp});
    std::vector<std::string> many;
    for (int i = 0; i < 1030; ++i)
        many.push_back("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250));
    hears(names, address("ns.test"), v4_only(1s, many));
    const auto before = names.view({tcp, udp});
    CHECK(news({}, before) ==
          Lines{"dns: ns.test is now 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, "
                "10.0.0.7 and 1016 more (1024 added), next query in 1 s",
                "! dns: ns.test has more than 1024 addresses or 256 SRV records: ignoring 6"});
    names.take_due(kNow + 1s);
    hears(names, address("ns.test"), v4_only(1s, {"10.0.0.1", "10.0.0.2"}));
    CHECK(news(before, names.view({tcp, udp})) ==
          Lines{"dns: ns.test is now 10.0.0.1, 10.0.0.2 (1022 terminated), next query in 1 s"});
}

TEST_CASE("a name that leads to the address of a service is told, once", "[discovery]") {
    Service other = with_names("db", {});
    other.addresses = {at("10.96.0.11:5432")};
    const std::vector<Service> services = {with_names("postgres", {named("pg.test")}), other};
    Names names = following(services);
    hears(names, address("pg.test"), v4_only(1s, {"10.96.0.10", "10.96.0.11", "10.0.0.1"}));
    const auto view = names.view(services);
    CHECK(view[0].service_endpoints ==
          std::vector<ServiceEndpoint>{{at("10.96.0.10:5432"), "postgres"}, {at("10.96.0.11:5432"), "db"}});
    const auto lines = news({}, view);
    REQUIRE(lines.size() == 3);
    CHECK(
        lines[1] ==
        "! postgres: pg.test is 10.96.0.10:5432, the address of this very service: connections to it are not "
        "balanced again; use names of the servers themselves (for a Kubernetes Service, of a headless one)");
    CHECK(lines[2].starts_with("! postgres: pg.test is 10.96.0.11:5432, the address of the service db: "));
    CHECK(news(view, view).empty());
    CHECK(names.view({with_names("postgres", {named("pg.test", 6432)})})[0].service_endpoints.empty());
}
