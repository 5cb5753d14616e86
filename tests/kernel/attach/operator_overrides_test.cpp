// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/support/killable.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>

using namespace reseat;
using namespace reseat::test;

TEST_CASE(
    "the operator's words are inherited, through growth too, and those of a service that went are not [E40]",
    "[kernel][pin]") {
    Sandbox box("overrides", {"a", "b"});
    const BpfFs bpffs("overrides");
    const auto options = pinned_in(bpffs);
    const auto a = box.host("a").endpoint(), b = box.host("b").endpoint();
    const auto said = [](const Endpoint& of, lb::OperatorState state, unsigned weight) {
        return lb::OperatorOverride{of, state, lb::OperatorState::ready, weight, 2};
    };
    auto specs = both(box);
    specs.push_back(service("10.96.0.9:80", {a}));
    specs.push_back(service("10.96.0.10:80", {a}));
    const unsigned room = options.max_services;
    KillablePlane first(box, specs, options, [&](TestPlane& plane) {
        lb::Plan plan;
        for (const lb::ServiceId id : {1U, 2U, 3U, 4U})
            plan.overrides.push_back(
                {id, {said(a, lb::OperatorState::maint, 7), said(b, lb::OperatorState::drain, 2)}});
        plane.publish(plan);
        lb::Plan next;
        next.overrides = {{1, {said(b, lb::OperatorState::ready, 200)}}, {3, {}}, {4, {}}};
        next.remove_services = {4};
        for (unsigned i = 0; i < room; ++i) {
            const auto address = parse_endpoint("10.97.0.1:" + std::to_string(1000 + i)).value();
            next.add_services.push_back(
                {plane.next_service(), "s" + std::to_string(i), Protocol::tcp, {address}});
        }
        plane.publish(next);
    });
    first.kill();
    REQUIRE(std::filesystem::exists(options.pin + "/maps-2"));
    asio::io_context io;
    const auto plane = bpf::KernelDataPlane::attach(io.get_executor(), box.cgroup().path(), options);
    REQUIRE(plane.has_value());
    const auto overrides = (*plane)->inheritance().overrides;
    REQUIRE(overrides.size() == 2);
    CHECK(overrides[0].service == 1);
    CHECK(overrides[0].overrides == std::vector{said(b, lb::OperatorState::ready, 200)});
    CHECK(overrides[1].service == 2);
    CHECK(overrides[1].overrides.size() == 2);
}
