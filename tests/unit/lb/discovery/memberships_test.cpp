// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/memberships.hpp"

#include "lb/discovery/expansion.hpp"
#include "lb/discovery/source_record.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using Known = Assignment::Known;

namespace {

SourceRef file(std::string path = "/etc/web.yaml") {
    return {.kind = SourceKind::file, .path = std::move(path)};
}

SourceRef pods() {
    return {.kind = SourceKind::kubernetes, .name_space = "shop", .service = "web"};
}

Service sourced(SourceRef ref, std::string name = "web") {
    Service service{.name = std::move(name)};
    service.addresses = {at("10.96.0.10:80")};
    service.sourced_backends = {{.ref = std::move(ref)}};
    return service;
}

Assignment present(const std::vector<std::string>& addresses) {
    Assignment said{.known = Known::present};
    for (const auto& one : addresses) said.endpoints.push_back({.endpoint = at(one)});
    return said;
}

std::vector<std::string> names(const std::vector<Service>& services) {
    std::vector<std::string> all;
    for (const Backend& one : services.at(0).backends) all.push_back(one.name);
    return all;
}

}  // namespace

TEST_CASE("of two with the same endpoint the better standing wins, then the incarnation [F03]",
          "[assignment]") {
    Assignment said{.known = Known::present};
    said.endpoints = {{.endpoint = at("10.0.0.2:80"), .standing = Standing::unready},
                      {.endpoint = at("10.0.0.1:80")},
                      {.endpoint = at("10.0.0.2:80"), .standing = Standing::leaving},
                      {.endpoint = at("10.0.0.1:80"), .incarnation = "a"},
                      {.endpoint = at("10.0.0.1:80"), .incarnation = "b"}};
    settle(said);
    REQUIRE(said.endpoints.size() == 2);
    CHECK(said.endpoints[0].incarnation == "b");
    CHECK(said.endpoints[1].standing == Standing::leaving);
}

TEST_CASE("of too many endpoints always the same are kept", "[assignment]") {
    Assignment all{.known = Known::present};
    for (unsigned i = 0; i < 12'000; ++i)
        all.endpoints.push_back(
            {.endpoint = {Address::v4({10, 0, std::uint8_t(i >> 8), std::uint8_t(i)}), 80}});
    Assignment without = all;
    without.endpoints.erase(without.endpoints.begin() + 5000);
    settle(all);
    settle(without);
    CHECK(all.endpoints.size() == kMaxSourcedEndpoints);
    CHECK(all.left_out == 2000);
    std::vector<SourcedEndpoint> common;
    std::ranges::set_intersection(all.endpoints, without.endpoints, std::back_inserter(common), {},
                                  &SourcedEndpoint::endpoint, &SourcedEndpoint::endpoint);
    CHECK(common.size() >= kMaxSourcedEndpoints - 1);
}

TEST_CASE("backends are called by pod, or by address", "[memberships]") {
    Memberships known;
    const std::vector services = {sourced(pods(), "web")};
    known.follow(services);
    Assignment said = present({"10.0.0.1:80", "10.0.0.2:80", "[fd00::1]:80"});
    said.endpoints[0].name = said.endpoints[2].name = "web-7f9";
    known.on_assignment(pods(), said);
    known.step(kNow, {});
    const auto expanded = expand(services, {}, known.view(services));
    CHECK(names(expanded) == std::vector<std::string>{"web@web-7f9", "web@10.0.0.2:80", "web@web-7f9.v6"});
    CHECK(expanded[0].backends[0].source == "kubernetes shop/web");
}

TEST_CASE("a source's own order comes after the priority of its entry", "[memberships]") {
    Memberships known;
    std::vector services = {sourced(file())};
    services[0].sourced_backends[0].priority = 1;
    known.follow(services);
    Assignment said = present({"10.0.0.1:80", "10.0.0.2:80"});
    known.on_assignment(file(), said);
    known.step(kNow, {});
    CHECK(expand(services, {}, known.view(services))[0].backends[0].priority == 1);
    said.endpoints[1].level = 2;
    known.on_assignment(file(), said);
    known.step(kNow, {});
    const auto backends = expand(services, {}, known.view(services))[0].backends;
    CHECK(backends[0].priority == kSrvPriorities);
    CHECK(backends[1].priority == kSrvPriorities + 2);
}

TEST_CASE("a source cannot send traffic to addresses that no server may have [F36]", "[memberships]") {
    Memberships known;
    const std::vector services = {sourced(pods())};
    known.follow(services);
    known.on_assignment(pods(), present({"10.0.0.1:80", "127.0.0.1:80", "169.254.169.254:80", "224.0.0.1:80",
                                         "10.96.0.10:80", "[fe80::1]:80", "[::1]:80", "[ff02::1]:80"}));
    known.step(kNow, {});
    const auto view = known.view(services).at(0);
    CHECK(view.endpoints.size() == 1);
    CHECK(view.said.left_out == 7);
    const auto news = known.take_news();
    REQUIRE(news.size() == 2);
    CHECK(news[1].level == Event::Level::warn);
    CHECK(news[1].message ==
          "web: kubernetes shop/web has 7 endpoints that cannot be used: [::1]:80 is a loopback address");
}

TEST_CASE("the author of a file may name this machine", "[memberships]") {
    Memberships known;
    const std::vector services = {sourced(file())};
    known.follow(services);
    known.on_assignment(file(), present({"127.0.0.1:80", "169.254.1.1:80"}));
    known.step(kNow, {});
    CHECK(known.view(services).at(0).endpoints.size() == 1);
}

TEST_CASE("what is said anew and is the same is no change", "[memberships]") {
    Memberships known;
    const std::vector services = {sourced(file())};
    known.follow(services);
    CHECK(known.on_assignment(file(), present({"10.0.0.1:80"})));
    Assignment again = present({"10.0.0.1:80"});
    again.confirmed_at = kClock;
    CHECK_FALSE(known.on_assignment(file(), again));
    again.stale = true;
    CHECK(known.on_assignment(file(), again));
}

TEST_CASE("an answer that is nothing but an error changes no endpoint", "[memberships]") {
    Memberships known;
    const std::vector services = {sourced(pods())};
    known.follow(services);
    known.on_assignment(pods(), present({"10.0.0.1:80"}));
    known.step(kNow, {});
    Assignment faulty = present({});
    faulty.error = "has no tcp port http; there is web (80)";
    CHECK(known.on_assignment(pods(), faulty));
    known.step(kNow, {});
    const auto view = known.view(services).at(0);
    CHECK(view.endpoints.size() == 1);
    CHECK(view.held() == 0);
    CHECK(view.said.error == faulty.error);
}

TEST_CASE("until a source was heard its service refuses, or is left alone", "[memberships]") {
    Memberships known;
    std::vector services = {sourced(pods())};
    known.follow(services);
    CHECK(expand(services, {}, known.view(services))[0].addresses.size() == 1);
    services[0].until_known = UntilKnown::pass;
    CHECK(expand(services, {}, known.view(services))[0].addresses.empty());
    known.on_assignment(pods(), present({}));
    known.step(kNow, {});
    CHECK(expand(services, {}, known.view(services))[0].addresses.size() == 1);
}

TEST_CASE("what a previous process knew serves until the source is heard [F17]", "[memberships]") {
    Memberships known;
    known.inherit(
        {{"web", Protocol::tcp, "kubernetes shop/web", "17", kClock, {{.endpoint = at("10.0.0.1:80")}}}});
    const std::vector services = {sourced(pods())};
    known.follow(services);
    known.step(kNow, {});
    auto view = known.view(services).at(0);
    CHECK(view.from_before);
    CHECK(view.said.confirmed_at == kClock);
    CHECK(view.endpoints.size() == 1);
    CHECK(known.position_of(pods()) == "17");
    CHECK(known.remember().at(0).position == "17");
    known.on_assignment(pods(), present({"10.0.0.1:80", "10.0.0.2:80"}));
    known.step(kNow, {});
    view = known.view(services).at(0);
    CHECK_FALSE(view.from_before);
    CHECK(view.endpoints.size() == 2);
}

TEST_CASE("a guarded loss is an event that says how to let it go [F14]", "[memberships]") {
    Memberships known;
    const std::vector services = {sourced(pods())};
    known.follow(services);
    known.on_assignment(pods(), present({"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"}));
    known.step(kNow, {});
    known.take_news();
    known.on_assignment(pods(), present({}));
    known.step(kNow, {});
    auto news = known.take_news();
    REQUIRE(news.size() == 1);
    CHECK(news[0].type == Event::Type::source_guarded);
    CHECK(news[0].message ==
          "web: kubernetes shop/web lost 3 of 3 endpoints at once, unannounced, and they still answer: held "
          "for "
          "10 min; reseat accept web lets them go");
    CHECK(known.view(services).at(0).held() == 3);
    CHECK(known.accept("web") == 3);
    known.step(kNow, {});
    news = known.take_news();
    REQUIRE(news.size() == 2);
    CHECK(known.view(services).at(0).endpoints.empty());
}

TEST_CASE("endpoints that are called ready and fail their checks for 5 min are reported once [F12, F46]",
          "[memberships]") {
    Memberships known;
    const std::vector services = {sourced(pods())};
    known.follow(services);
    known.on_assignment(pods(), present({"10.0.0.1:80", "10.0.0.2:80"}));
    const Failing one_fails = [](const std::string&, Protocol) {
        return std::set<Endpoint>{at("10.0.0.2:80")};
    };
    known.step(kNow, one_fails);
    known.take_news();
    CHECK(known.next() == kNow + kDisagreement);
    known.step(kNow + kDisagreement, one_fails);
    const auto news = known.take_news();
    REQUIRE(news.size() == 1);
    CHECK(news[0].message ==
          "web: kubernetes shop/web calls 10.0.0.2:80 ready, which fails its checks for 5 min");
    CHECK(known.view(services).at(0).disagreements == 1);
    known.step(kNow + kDisagreement + 1s, one_fails);
    CHECK(known.take_news().empty());
    known.step(kNow + kDisagreement + 2s, {});
    CHECK(known.view(services).at(0).disagreements == 0);
}

TEST_CASE("a source that is lost for 5 s is reported once, and its return", "[source_record]") {
    using namespace std::chrono_literals;
    SourceRecord source("kubernetes shop", SourceKind::kubernetes, kClock);
    source.set_refs(3);
    source.on_heard(kClock);
    source.on_fault(SourceRecord::Fault::connect, "connection refused", kNow, kClock);
    CHECK_FALSE(source.take_event(kNow, kClock));
    CHECK(source.next() == kNow + 5s);
    source.on_fault(SourceRecord::Fault::connect, "connection refused", kNow + 4s, kClock + 4s);
    const auto lost = source.take_event(kNow + 5s, kClock + 12s);
    REQUIRE(lost);
    CHECK(lost->message ==
          "kubernetes shop cannot be heard: connection refused; its 3 services go on with what it said 12 s "
          "ago");
    CHECK_FALSE(source.take_event(kNow + 6s, kClock));
    source.on_heard(kClock + 20s);
    CHECK(source.take_event(kNow + 20s, kClock)->type == Event::Type::source_back);
    source.on_fault(SourceRecord::Fault::connect, "connection refused", kNow + 30s, kClock);
    source.on_heard(kClock);
    CHECK_FALSE(source.take_event(kNow + 40s, kClock));
}
