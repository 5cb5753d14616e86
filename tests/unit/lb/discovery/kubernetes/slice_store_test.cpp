// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/kubernetes/slice_store.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/kubernetes/support.hpp"

#include <algorithm>
#include <map>
#include <random>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::kubernetes;
using namespace reseat::lb::test;

namespace {

Slice read(json::object slice) {
    auto event = read_watch_event(event_json("ADDED", std::move(slice)));
    REQUIRE(event.has_value());
    return event->slice;
}

Texts endpoints(const Assignment& said) {
    Texts all;
    for (const auto& one : said.endpoints) all.push_back(to_string(one.endpoint));
    return all;
}

}  // namespace

TEST_CASE("conditions and what they mean [F06]", "[slice]") {
    const std::optional<bool> no = false, yes = true, nil;
    CHECK(standing_of(nil, nil, nil) == Standing::ready);
    CHECK(standing_of(yes, no, yes) == Standing::ready);  // publishNotReadyAddresses
    CHECK(standing_of(no, yes, yes) == Standing::leaving);
    CHECK(standing_of(no, no, yes) == Standing::unready);
    CHECK(standing_of(no, nil, yes) == Standing::unready);
    CHECK(standing_of(no, yes, no) == Standing::unready);
    CHECK(standing_of(no, nil, nil) == Standing::unready);
    CHECK(standing_of(nil, no, yes) == Standing::ready);
}

TEST_CASE("an endpoint is a pod with a name, an identity and a place", "[slice]") {
    SliceStore store;
    store.put(read(slice_json("a", "web", {pod("10.1.0.1", "web-7f9")})));
    const auto said = store.assignment("web", "http", Protocol::tcp);
    REQUIRE(said.endpoints.size() == 1);
    CHECK(said.endpoints[0] == SourcedEndpoint{.endpoint = at("10.1.0.1:8080"),
                                               .name = "web-7f9",
                                               .incarnation = "uid-web-7f9",
                                               .zone = "a",
                                               .node = "node-1"});
}

TEST_CASE("v1beta1 has node and zone in `topology`", "[slice]") {
    json::object endpoint{
        {"addresses", {"10.1.0.1"}},
        {"topology", {{"kubernetes.io/hostname", "n2"}, {"topology.kubernetes.io/zone", "b"}}}};
    const Slice slice = read(slice_json("a", "web", {endpoint}));
    CHECK(slice.endpoints.at(0).node == "n2");
    CHECK(slice.endpoints.at(0).zone == "b");
}

TEST_CASE("250 endpoints in three slices: when one changes, all stay [F01]", "[slice]") {
    SliceStore store;
    for (unsigned s = 0; s < 3; ++s) {
        json::array some;
        for (unsigned i = 0; i < (s == 2 ? 50U : 100U); ++i)
            some.emplace_back(pod(fmt::format("10.1.{}.{}", s, i + 1), fmt::format("web-{}-{}", s, i)));
        store.put(read(slice_json(fmt::format("web-{}", s), "web", some)));
    }
    CHECK(store.assignment("web", "", Protocol::tcp).endpoints.size() == 250);
    const auto changed = store.put(read(slice_json("web-2", "web", {pod("10.1.2.1", "web-2-0")})));
    CHECK(changed == std::set<std::string>{"web"});
    CHECK(store.assignment("web", "", Protocol::tcp).endpoints.size() == 201);
}

TEST_CASE("an endpoint that is in two slices at once has the better standing [F03]", "[slice]") {
    SliceStore store;
    store.put(read(slice_json("a", "web", {pod("10.1.0.1", "p", conditions(false, true, true))})));
    store.put(read(slice_json("b", "web", {pod("10.1.0.1", "p")})));
    const auto said = store.assignment("web", "", Protocol::tcp);
    REQUIRE(said.endpoints.size() == 1);
    CHECK(said.endpoints[0].standing == Standing::ready);
}

TEST_CASE("one port name may be two numbers [F25]", "[slice]") {
    SliceStore store;
    store.put(read(slice_json("a", "pg", {pod("10.1.0.1", "a")}, {port("pg", 5432)})));
    store.put(read(slice_json("b", "pg", {pod("10.1.0.2", "b")}, {port("pg", 6432)})));
    CHECK(endpoints(store.assignment("pg", "pg", Protocol::tcp)) == Texts{"10.1.0.1:5432", "10.1.0.2:6432"});
    CHECK(endpoints(store.assignment("pg", "", Protocol::tcp)) == Texts{"10.1.0.1:5432", "10.1.0.2:6432"});
    CHECK(endpoints(store.assignment("pg", "6432", Protocol::tcp)) == Texts{"10.1.0.2:6432"});
}

TEST_CASE("a port that is not there or not the only one is an error that lists them", "[slice]") {
    SliceStore store;
    store.put(read(slice_json("a", "web", {pod("10.1.0.1", "a")},
                              {port("http", 80), port("metrics", 9090), port("dns", 53, "UDP")})));
    CHECK(store.assignment("web", "", Protocol::tcp).error ==
          "has several ports; choose one with 'port': dns (53)/udp, http (80), metrics (9090)");
    CHECK(store.assignment("web", "grpc", Protocol::tcp).error ==
          "has no tcp port grpc; there are dns (53)/udp, http (80), metrics (9090)");
    CHECK(store.assignment("web", "dns", Protocol::tcp).endpoints.empty());
    CHECK(endpoints(store.assignment("web", "", Protocol::udp)) == Texts{"10.1.0.1:53"});
}

TEST_CASE("both families are endpoints of one Service [F24]", "[slice]") {
    SliceStore store;
    json::object v6 = slice_json("b", "web", {pod("fd00::1", "a")});
    v6["addressType"] = "IPv6";
    store.put(read(slice_json("a", "web", {pod("10.1.0.1", "a")})));
    store.put(read(v6));
    CHECK(endpoints(store.assignment("web", "", Protocol::tcp)) == Texts{"10.1.0.1:8080", "[fd00::1]:8080"});
    store.erase("a");
    CHECK(endpoints(store.assignment("web", "", Protocol::tcp)) == Texts{"[fd00::1]:8080"});
}

TEST_CASE("a deleted slice is gone, whatever it says [F41]", "[slice]") {
    SliceStore store;
    store.put(read(slice_json("a", "web", {pod("10.1.0.1", "a")})));
    const auto event =
        read_watch_event(event_json("DELETED", slice_json("a", "web", {pod("10.1.0.1", "a")})));
    REQUIRE(event.has_value());
    CHECK(event->type == WatchEvent::Type::deleted);
    CHECK(store.erase(event->slice.name) == std::set<std::string>{"web"});
    CHECK(store.assignment("web", "", Protocol::tcp).known == Assignment::Known::absent);
}

TEST_CASE("a Service without endpoints keeps a slice of nothing [F42]", "[slice]") {
    SliceStore store;
    json::object empty = slice_json("a", "web", {});
    empty["endpoints"] = nullptr;
    empty["ports"] = nullptr;
    store.put(read(empty));
    const auto said = store.assignment("web", "http", Protocol::tcp);
    CHECK(said.known == Assignment::Known::present);
    CHECK(said.error.empty());
    CHECK(said.endpoints.empty());
    CHECK(said.left_out == 0);
}

TEST_CASE("what cannot be balanced is left out, with a reason", "[slice]") {
    json::object fqdn = slice_json("a", "web", {pod("x.example", "a")});
    fqdn["addressType"] = "FQDN";
    CHECK(read(fqdn).why_left_out.starts_with("addressType FQDN"));
    CHECK(read(slice_json("a", "web", {pod("10.1.0.1", "a")}, {port("s", 1, "SCTP")})).why_left_out ==
          "protocol SCTP is not balanced");
    json::object no_number{{"name", "all"}};
    CHECK(read(slice_json("a", "web", {pod("10.1.0.1", "a")}, {no_number})).left_out > 0);
    CHECK(read(slice_json("a", "web", {json::object{{"addresses", json::array{}}}})).left_out == 1);
}

TEST_CASE("what is no slice is refused, and never thrown", "[slice]") {
    for (const auto* line :
         {"", "{", "[]", "1", "{\"type\":\"ADDED\"}", "{\"type\":\"ADDED\",\"object\":3}",
          "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}}", "<html>"})
        CHECK_FALSE(read_watch_event(line).has_value());
    CHECK_FALSE(read_slice_list("{\"kind\":\"PodList\"}").has_value());
    const auto unknown = read_watch_event("{\"type\":\"LATER\"}");
    CHECK((unknown && unknown->type == WatchEvent::Type::unknown));
}

TEST_CASE("whatever a server writes in a name cannot steer a terminal", "[slice]") {
    const Slice slice = read(slice_json("a", "web", {pod("10.1.0.1", "p\x1b[31m\n")}));
    CHECK(slice.endpoints.at(0).pod == "p?[31m?");
}

TEST_CASE("in any order, with loss, repetition and relists, the store is what a naive model says",
          "[slice][property]") {
    std::mt19937 random(GENERATE(range(1U, 40U)));
    const auto up_to = [&](unsigned most) {
        return std::uniform_int_distribution<unsigned>(0, most)(random);
    };
    std::map<std::string, json::object> server;  // the naive model: what there is
    SliceStore store;
    std::vector<std::string> past;
    const std::vector<std::string> services = {"web", "db"};
    bool lost = false;
    for (int step = 0; step < 200; ++step) {
        const std::string name = fmt::format("s{}", up_to(5));
        switch (up_to(5)) {
            case 0: {
                server.erase(name);
                if ((lost |= up_to(9) == 0)) break;
                store.erase(name);
                break;
            }
            case 1: {  // an event that comes again changes nothing that the next list does not mend
                if (past.empty()) break;
                const auto event = read_watch_event(past[up_to(unsigned(past.size()) - 1)]);
                store.put(event->slice);
                lost = true;
                break;
            }
            case 2: {
                json::array all;
                for (const auto& [key, slice] : server) all.emplace_back(slice);
                auto list = read_slice_list(list_json(all));
                std::shuffle(list->slices.begin(), list->slices.end(), random);
                store.replace(std::move(list->slices));
                lost = false;
                break;
            }
            default: {
                json::array pods;
                for (unsigned i = up_to(4); i > 0; --i) {
                    const unsigned number = up_to(8) + 1;
                    const bool ready = up_to(1) == 0;
                    pods.emplace_back(pod(fmt::format("10.1.0.{}", number), fmt::format("p{}", number),
                                          conditions(ready, !ready, !ready)));
                }
                const auto slice = slice_json(name, services[up_to(1)], pods, {port("http", 8080)}, step);
                server[name] = slice;
                const std::string line = event_json("MODIFIED", slice);
                past.push_back(line);
                if ((lost |= up_to(9) == 0)) break;
                store.put(read_watch_event(line)->slice);
            }
        }
        if (lost) continue;
        for (const std::string& service : services) {
            std::map<Endpoint, Standing> model;
            bool any = false;
            for (const auto& [key, slice] : server) {
                if (slice.at("metadata").at("labels").at("kubernetes.io/service-name") !=
                    json::value(service))
                    continue;
                any = true;
                for (const auto& one : slice.at("endpoints").as_array()) {
                    const auto where = at(std::string(one.at("addresses").at(0).as_string()) + ":8080");
                    const bool ready = one.at("conditions").at("ready").as_bool();
                    const Standing standing = ready ? Standing::ready : Standing::leaving;
                    const auto [found, is_new] = model.emplace(where, standing);
                    found->second = std::min(found->second, standing);
                }
            }
            const Assignment said = store.assignment(service, "http", Protocol::tcp);
            CHECK((said.known == Assignment::Known::present) == any);
            std::map<Endpoint, Standing> stored;
            for (const auto& one : said.endpoints) stored.emplace(one.endpoint, one.standing);
            REQUIRE((stored == model));
        }
    }
}
