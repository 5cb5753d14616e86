// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload/workload_watch.hpp"

#include "proxy/instance/lock_holder.hpp"
#include "proxy/sidecar/pinning.hpp"
#include "tests/support/catch.hpp"

#include <sys/sysmacros.h>

using namespace reseat;
using namespace reseat::proxy;
using namespace std::chrono_literals;

TEST_CASE("a workload is idle when it has been empty for as long as configured", "[workload]") {
    IdleClock clock(10s);
    const TimePoint start{};
    CHECK(clock.on_look(true, start) == std::nullopt);
    CHECK(clock.on_look(false, start + 1s) == 10s);
    CHECK(clock.on_look(false, start + 5s) == 6s);
    CHECK(clock.on_look(false, start + 11s) == 0s);
}

TEST_CASE("a process that comes in between starts the count anew", "[workload]") {
    IdleClock clock(10s);
    const TimePoint start{};
    clock.on_look(false, start);
    CHECK(clock.on_look(true, start + 9s) == std::nullopt);
    CHECK(clock.on_look(false, start + 12s) == 10s);
}

TEST_CASE("without a limit a workload may be empty for ever", "[workload]") {
    CHECK(IdleClock(0s).on_look(false, TimePoint{} + 24h) == std::nullopt);
}

TEST_CASE("the holder of a cgroup is found in /proc/locks", "[workload]") {
    const std::string locks =
        "1: POSIX  ADVISORY  WRITE 11 00:1c:5678 0 EOF\n"
        "2: FLOCK  ADVISORY  READ 12 00:1c:5678 0 EOF\n"
        "3: FLOCK  ADVISORY  WRITE 13 00:1d:5678 0 EOF\n"
        "4: FLOCK  ADVISORY  WRITE 4711 00:1c:5678 0 EOF\n"
        "4: -> FLOCK  ADVISORY  WRITE 15 00:1c:5678 0 EOF\n";
    CHECK(parse_locks(locks, makedev(0, 0x1c), 5678) == 4711);
    CHECK(parse_locks(locks, makedev(0, 0x1c), 567) == std::nullopt);
    CHECK(parse_locks("", makedev(0, 0x1c), 5678) == std::nullopt);
    CHECK(parse_locks("nonsense\n1:\n", makedev(0, 0x1c), 5678) == std::nullopt);
}

TEST_CASE("pinning is asked for, chosen or given up in words", "[workload]") {
    CHECK(default_pin("default") == "/sys/fs/bpf/reseat/default");
    CHECK(default_pin("app.service") == "/sys/fs/bpf/reseat/app:service");
    lb::Model model;
    model.pin = "off";
    CHECK(choose_pin(model, "x")->directory.empty());
    CHECK_FALSE(choose_pin(model, "x")->surprising);
    model.pin = "/nowhere/at/all";
    CHECK(choose_pin(model, "x").error().code == ErrorCode::unsupported);
    CHECK_THAT(choose_pin(model, "x").error().message, Catch::Contains("is not in a bpffs"));
}
