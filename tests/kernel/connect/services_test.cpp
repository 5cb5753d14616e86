// SPDX-License-Identifier: Apache-2.0
// Services come, change and go while they are used.
#include "bpf/abi.h"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/bpf_fs.hpp"
#include "tests/support/catch.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <filesystem>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

const Where kOther = "10.96.0.2:80";

unsigned entries(const std::string& pin) {
    const UniqueFd map(bpf_obj_get(pin.c_str()));
    REQUIRE(map);
    std::vector<std::byte> key(64), next(64);
    unsigned count = 0;
    for (void* from = nullptr; bpf_map_get_next_key(map.get(), from, next.data()) == 0; ++count) {
        key = next;
        from = key.data();
    }
    return count;
}

/// A plan that adds a service with one backend.
lb::Plan added(TestPlane& plane, const std::string& name, const Endpoint& address, const Endpoint& backend) {
    lb::Plan plan;
    const auto id = plane.next_service();
    const auto life = plane.next_life();
    plan.add_services = {{id, name, Protocol::tcp, {address}}};
    plan.begin = {{life, id, backend}};
    plan.tables = {{id, Family::v4, {life}}};
    return plan;
}

lb::Plan removed(const lb::Plan& addition) {
    lb::Plan plan;
    plan.condemn = plan.retire = {addition.begin[0].life};
    plan.remove_services = {addition.add_services[0].id};
    return plan;
}

}  // namespace

TEST_CASE(
    "a service goes and its address is another's at once: old sockets are told from new ones [E15][E33]",
    "[kernel][services]") {
    Sandbox box("removed", {"a", "b"});
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint()})});
    const auto old_service = plane.service_id(to_string(kVip) + "/tcp");
    const auto old_life = plane.life(to_string(kVip) + "/tcp", box.host("a").endpoint());
    Client old_socket = landing_on(box, "a", kVip);
    const bool same_backend = GENERATE(true, false);
    const std::string host = same_backend ? "a" : "b";
    auto plan = added(plane, "another", kVip, box.host(host).endpoint());
    plan.remove_services = {old_service};
    plan.drain = {old_life};
    plane.publish(plan);

    Client new_socket = landing_on(box, host, kVip);
    CHECK(old_socket.echo("still here") == "a");
    CHECK(old_socket.peer() == kVip);
    CHECK(plane.kernel().open_sockets(old_life) == 1);
    CHECK(plane.kernel().open_sockets(plan.begin[0].life) == 1);
    lb::Plan end;
    end.condemn = {old_life};
    plane.publish(end);
    CHECK(plane.reseat(old_life).matched == 1);
    CHECK(old_socket.recv_error() == ECONNABORTED);
    CHECK(new_socket.echo("still here") == host);
    end = {};
    end.retire = {old_life};
    plane.publish(end);
    plane.pump_until([] { return false; }, 50ms);
    CHECK(new_socket.echo("still here") == host);
    CHECK(box.client().connect(kVip) == 0);
}

TEST_CASE("a service that is removed is dialled no more; what it had open lives on [E15]",
          "[kernel][services]") {
    Sandbox box("gone", {"a"});
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint()})});
    Client client = landing_on(box, "a", kVip);
    lb::Plan plan;
    plan.remove_services = {plane.service_id(to_string(kVip) + "/tcp")};
    plan.drain = {plane.life(to_string(kVip) + "/tcp", box.host("a").endpoint())};
    plane.publish(plan);
    CHECK(box.client().connect(kVip, 100ms) != 0);
    CHECK(client.echo("still here") == "a");
    CHECK(client.peer() == kVip);
}

TEST_CASE("a service gets and loses addresses, and another way to choose", "[kernel][services]") {
    Sandbox box("changed", {"a", "b"});
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})});
    Client old_socket = landing_on(box, "a", kVip);
    lb::Plan plan;
    plan.change_services = {{plane.service_id(to_string(kVip) + "/tcp"), "changed", Protocol::tcp, {kOther}}};
    plane.publish(plan);
    CHECK(box.client().connect(kVip, 100ms) != 0);
    CHECK(old_socket.peer() == kVip);
    Client client = box.client();
    REQUIRE(client.connect(kOther) == 0);
    CHECK(client.peer() == kOther);
    plan.change_services[0].addresses = {kVip, kOther};
    plan.change_services[0].lb_policy = lb::LbPolicy::random;
    plane.publish(plan);
    std::string seen;
    for (int i = 0; i < 40; ++i) {
        Client one = box.client();
        REQUIRE(one.connect(i % 2 ? kVip : kOther) == 0);
        seen += one.echo("who");
    }
    CHECK(seen.find("aa") != std::string::npos);  // not by turns: 2^-38 that this is chance
}

TEST_CASE("services come and go without end in maps of the same size [E37]", "[kernel][services]") {
    Sandbox box("come-and-go", {"a"});
    const BpfFs bpffs("come-and-go");
    bpf::KernelOptions options;
    options.pin = bpffs.path() + "/reseat";
    options.max_services = 4;
    options.max_backends = 4;
    options.max_slots = 8;
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint()})}, options);
    auto all_is_forgotten = [&] {
        return entries(options.pin + "/maps-1/lb_names") == 1 &&
               entries(options.pin + "/maps-1/lb_services") == 1 &&
               entries(options.pin + "/maps-1/lb_peers") == 2;
    };
    for (int round = 0; round < 30; ++round) {
        const auto plan = added(plane, "passing", kOther, box.host("a").endpoint());
        plane.publish(plan);
        Client client = box.client();
        REQUIRE(client.connect(kOther) == 0);
        CHECK(client.echo("hello") == "a");
        plane.publish(removed(plan));
        CHECK(entries(options.pin + "/maps-1/lb_peers") == 3);  // a running program may still ask
        REQUIRE(plane.pump_until(all_is_forgotten));
    }
    CHECK(std::filesystem::exists(options.pin + "/maps-1"));  // never was there need for another set
    plane.kernel().unpin();
}

TEST_CASE("an element, a table and its slots are used again only after a grace period",
          "[kernel][services]") {
    Sandbox box("in-grace", {"a"});
    const BpfFs bpffs("in-grace");
    bpf::KernelOptions options;
    options.pin = bpffs.path() + "/reseat";
    TestPlane plane(box, {}, options);
    const auto first = added(plane, "first", kVip, box.host("a").endpoint());
    plane.publish(first);
    plane.publish(removed(first));
    const auto second = added(plane, "second", kOther, box.host("a").endpoint());
    plane.publish(second);  // at once: no event was handled meanwhile
    const UniqueFd elements(bpf_obj_get((options.pin + "/maps-1/lb_backends").c_str()));
    lb_backend element{};
    for (const auto& [index, life] :
         {std::pair{0U, first.begin[0].life}, std::pair{1U, second.begin[0].life}}) {
        REQUIRE(bpf_map_lookup_elem(elements.get(), &index, &element) == 0);
        CHECK(element.life == life);
    }
    const __u32 index = 0;
    CHECK(plane.pump_until(
        [&] { return bpf_map_lookup_elem(elements.get(), &index, &element) == 0 && element.life == 0; }));
    const auto third = added(plane, "third", kVip, box.host("a").endpoint());
    plane.publish(third);
    REQUIRE(bpf_map_lookup_elem(elements.get(), &index, &element) == 0);
    CHECK(element.life == third.begin[0].life);
    plane.kernel().unpin();
}

TEST_CASE("a plan that makes no sense changes nothing [E43]", "[kernel][services]") {
    Sandbox box("nonsense", {"a", "b"});
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint()})});
    auto plan = added(plane, "other", kVip, box.host("b").endpoint());
    SECTION("a table names an unknown life") {
        plan.tables.push_back({1, Family::v4, {4711}});
    }
    SECTION("a life is of an unknown service") {
        plan.begin.push_back({4711, 99, box.host("b").endpoint()});
    }
    SECTION("a table is of an unknown service") {
        plan.tables.push_back({99, Family::v4, {}});
    }
    SECTION("a name is too long") {
        plan.add_services[0].name = std::string(300, 'x');
    }
    CHECK_THROWS_AS(plane.publish(plan), std::runtime_error);
    for (int i = 0; i < 3; ++i) {
        Client client = box.client();
        REQUIRE(client.connect(kVip) == 0);
        CHECK(client.echo("hello") == "a");
    }
}
