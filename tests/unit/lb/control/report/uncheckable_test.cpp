// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/uncheckable.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

const ProbeResult no_program = {ProbeOutcome::not_probed, "cannot run /no: No such file or directory"};
const ProbeResult no_descriptor = {ProbeOutcome::not_probed, "Too many open files"};
const ProbeResult fine = {ProbeOutcome::passed, "connected"};

std::vector<std::string> lines(Uncheckable& of, TimePoint now) {
    std::vector<std::string> told;
    for (const Event& event : of.take_due(now, [](BackendId) { return true; })) told.push_back(event.message);
    return told;
}

using Lines = std::vector<std::string>;

std::shared_ptr<const Service> named(std::string name, bool is_half = false,
                                     Protocol protocol = Protocol::tcp) {
    Service service;
    service.name = std::move(name);
    service.protocol = protocol;
    service.is_half = is_half;
    return std::make_shared<const Service>(std::move(service));
}

}  // namespace

TEST_CASE("a backend that cannot be checked is told once, until a check of it could be made", "[control]") {
    Uncheckable lacks;
    lacks.on_check(1, named("web"), "a", no_program);
    CHECK(lines(lacks, t0) == Lines{"web/a cannot be checked: cannot run /no: No such file or directory"});
    lacks.on_check(1, named("web"), "a", no_program);
    CHECK(lines(lacks, t0 + 1h).empty());
    lacks.on_check(1, named("web"), "a", fine);
    lacks.on_check(1, named("web"), "a", no_descriptor);
    CHECK(lines(lacks, t0 + 2h) == Lines{"web/a cannot be checked: Too many open files"});
}

TEST_CASE("backends of a service that lack the same are told in one line, and not all the time",
          "[control]") {
    Uncheckable lacks;
    lacks.on_check(1, named("web"), "a", no_descriptor);
    lacks.on_check(2, named("web"), "b", no_descriptor);
    lacks.on_check(3, named("dns"), "c", no_descriptor);
    lacks.on_check(4, named("web"), "d", no_descriptor);
    CHECK(lines(lacks, t0) == Lines{"dns/c cannot be checked: Too many open files",
                                    "web/a and 2 more backends cannot be checked: Too many open files"});
    lacks.on_check(1, named("web"), "a", fine);
    lacks.on_check(1, named("web"), "a", no_descriptor);
    CHECK(lines(lacks, t0 + 1s).empty());
    CHECK(lines(lacks, t0 + Uncheckable::kQuiet).size() == 1);
}

TEST_CASE("what was over before anybody was told, or left, is not told", "[control]") {
    Uncheckable lacks;
    lacks.on_check(1, named("web"), "a", no_descriptor);
    lacks.on_check(1, named("web"), "a", fine);
    lacks.on_check(2, named("web"), "b", no_descriptor);
    CHECK(lacks.take_due(t0, [](BackendId id) { return id != 2; }).empty());
    CHECK(lines(lacks, t0).empty());
}

TEST_CASE("that a backend cannot be checked is warned of, and its reason says why", "[control]") {
    Bench bench({service(2)});
    REQUIRE(bench.controller->start().has_value());
    CHECK(bench.status().backends[0].reason == "not checked yet");
    bench.controller->on_check(bench.id(0), {no_program}, std::nullopt);
    CHECK(bench.status().backends[0].reason ==
          "cannot be checked: cannot run /no: No such file or directory");
    CHECK(bench.status().backends[0].state == BackendState::unchecked);
    CHECK_FALSE(bench.status().panic);  // as at every start: they serve until a check says otherwise
    CHECK(run_until(bench.context, [&] {
        return bench.log.has(
            "warning: postgres/a cannot be checked: cannot run /no: No such file or directory");
    }));
    bench.hear(1, up());
    bench.controller->on_check(bench.id(1), {no_descriptor}, std::nullopt);
    CHECK(bench.status().backends[1].reason == "connected (2/2); cannot be checked: Too many open files");
    bench.tell(1, std::nullopt);
    CHECK(bench.status().backends[1].reason == "connected (2/2)");
}

TEST_CASE("which half of a service for both protocols cannot be checked is told", "[control]") {
    Uncheckable lacks;
    lacks.on_check(1, named("dns", true), "a", no_descriptor);
    lacks.on_check(2, named("dns", true, Protocol::udp), "a", no_descriptor);
    CHECK(lines(lacks, t0) == Lines{"dns/a (tcp) cannot be checked: Too many open files",
                                    "dns/a (udp) cannot be checked: Too many open files"});
}
