// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/hold.hpp"

#include "lb/discovery/expansion.hpp"
#include "lb/discovery/name_news.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// Two entries of one service: what DNS says of them, what passes its checks, and what serves.
struct Held {
    std::set<Endpoint> well;
    Duration hold_for = 30s;
    TimePoint now = kNow;
    std::vector<NameView> views;
    Texts news;

    NameView view(const std::string& name, const Texts& addresses) const {
        NameView made{.service = "one", .named = named(name, 80), .hold = hold_for};
        for (const auto& address : addresses) made.endpoints.push_back({{ip(address), 80}, {}, {}});
        return made;
    }
    void says(const Texts& pg, const Texts& db = {}) {
        const auto passing = [&](const std::string&, Protocol) { return well; };
        auto serve = hold(views, {view("pg", pg), view("db", db)}, {now, kClock + (now - kNow)}, passing);
        for (const auto& event : name_news(views, serve, now)) news.push_back(event.message);
        views = std::move(serve);
    }
    void pass(const Texts& addresses) {
        well.clear();
        for (const auto& address : addresses) well.insert({ip(address), 80});
    }
    /// "10.0.0.1", or "10.0.0.1 for 5 s" of one that is absent.
    Texts serve(std::size_t entry = 0) const {
        Texts texts;
        for (const auto& one : views[entry].endpoints) {
            texts.push_back(to_string(one.endpoint.address));
            if (one.absent) texts.back() += " for " + std::to_string((now - one.absent->since) / 1s) + " s";
        }
        return texts;
    }
};

}  // namespace

TEST_CASE("of rotating subsets nothing comes and goes, and nothing is said [E76]", "[discovery]") {
    Held held;
    held.pass({"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"});
    held.says({"10.0.0.1", "10.0.0.2"});
    held.says({"10.0.0.3", "10.0.0.4"});
    held.news.clear();
    for (int i = 0; i < 100; ++i) {
        held.now += 1s;
        i % 2 ? held.says({"10.0.0.3", "10.0.0.4"}) : held.says({"10.0.0.2", "10.0.0.1"});
        CHECK(held.views[0].endpoints.size() == 4);
    }
    CHECK(held.news.empty());
}

TEST_CASE("an address that passes its checks outlives its absence by hold and no longer [E76]",
          "[discovery]") {
    Held held;
    held.pass({"10.0.0.1", "10.0.0.2"});
    held.says({"10.0.0.1", "10.0.0.2"});
    CHECK_FALSE(first_hold_over(held.views));
    held.now += 1s;
    held.says({"10.0.0.2"});
    CHECK(held.serve() == Texts{"10.0.0.1 for 0 s", "10.0.0.2"});
    CHECK(first_hold_over(held.views) == held.now + 30s);
    held.now += 29s;
    held.says({"10.0.0.2"});
    CHECK(held.serve() == Texts{"10.0.0.1 for 29 s", "10.0.0.2"});
    held.now += 1s;
    held.says({"10.0.0.2"});
    CHECK(held.serve() == Texts{"10.0.0.2"});
    CHECK(held.news.back().starts_with("one: pg is now 10.0.0.2 (1 drains), "));
}

TEST_CASE("one that is named again begins anew when it is absent again [E76]", "[discovery]") {
    Held held;
    held.pass({"10.0.0.1", "10.0.0.2"});
    held.says({"10.0.0.1", "10.0.0.2"});
    for (const Texts& said : {Texts{"10.0.0.2"}, Texts{"10.0.0.1", "10.0.0.2"}, Texts{"10.0.0.2"}}) {
        held.now += 20s;
        held.says(said);
    }
    CHECK(held.serve() == Texts{"10.0.0.1 for 0 s", "10.0.0.2"});
}

TEST_CASE("one that fails its checks goes at once, held already or not [E76]", "[discovery]") {
    Held held;
    held.pass({"10.0.0.2", "10.0.0.3"});
    held.says({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
    held.says({"10.0.0.3"});
    CHECK(held.serve() == Texts{"10.0.0.2 for 0 s", "10.0.0.3"});
    held.pass({"10.0.0.3"});
    held.says({"10.0.0.3"});
    CHECK(held.serve() == Texts{"10.0.0.3"});
}

TEST_CASE("with a hold of 0 DNS is taken at its word [E76]", "[discovery]") {
    Held held{.hold_for = 0s};
    held.pass({"10.0.0.1", "10.0.0.2"});
    held.says({"10.0.0.1", "10.0.0.2"});
    held.says({"10.0.0.2"});
    CHECK(held.serve() == Texts{"10.0.0.2"});
}

TEST_CASE("one that another entry of the service names is that one's [E76]", "[discovery]") {
    Held held;
    held.pass({"10.0.0.1", "10.0.0.2"});
    held.says({"10.0.0.1"}, {"10.0.0.2"});
    held.says({"10.0.0.3"}, {"10.0.0.1"});
    CHECK(held.serve(0) == Texts{"10.0.0.3"});
    CHECK(held.serve(1) == Texts{"10.0.0.1", "10.0.0.2 for 0 s"});
}

TEST_CASE("what is held is a backend as before, with the record that brought it, in the limits [E76]",
          "[discovery]") {
    const std::vector<Service> services = {with_names("one", {named_srv("_pg._tcp.test")})};
    NameView before{.service = "one", .named = services[0].named_backends[0], .hold = 30s};
    before.endpoints = {{at("10.0.0.1:80"), SrvRecord{5, 3, 80, "n0."}, {}}};
    NameView after = before;
    after.endpoints.clear();
    for (unsigned i = 0; i < kMaxNameAddresses; ++i)
        after.endpoints.push_back(
            {{Address::v4({10, 1, std::uint8_t(i / 256), std::uint8_t(i % 256)}), 80}, {}, {}});
    const auto passing = [](const std::string&, Protocol) { return std::set{at("10.0.0.1:80")}; };
    CHECK(hold({before}, {after}, {kNow, kClock}, passing)[0].endpoints.size() == kMaxNameAddresses);
    after.endpoints.pop_back();
    const auto serve = hold({before}, {after}, {kNow, kClock}, passing);
    const auto backends = expand(services, serve)[0].backends;
    REQUIRE(backends.size() == kMaxNameAddresses);
    CHECK(backends[0].endpoint == at("10.0.0.1:80"));
    CHECK(backends[0].weight == 3);
    CHECK(backends[0].priority == 5);
}
