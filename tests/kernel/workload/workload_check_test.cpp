// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload/workload.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sandbox.hpp"

#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;

namespace {

std::string why_not(const proxy::Workload& workload) {
    const auto checked = proxy::check_workload(workload);
    return checked ? "" : checked.error().message;
}

void move(pid_t pid, const std::string& cgroup) {
    std::ofstream(cgroup + "/cgroup.procs") << pid << std::flush;
}

proxy::Workload workload_of(const Process& process, const std::string& cgroup) {
    const auto there = [&] {
        const auto found = proxy::find_workload_of(process.pid());
        return found && found->directory == cgroup;
    };
    REQUIRE(wait_until(there));
    return *proxy::find_workload_of(process.pid());
}

}  // namespace

TEST_CASE("a process that has moved to another cgroup meanwhile is noticed after attaching",
          "[kernel][workload]") {
    Sandbox box("moves", {});
    const TestCgroup elsewhere("moves-away");
    const auto process = box.spawn([] { return ::pause(); });
    const auto workload = workload_of(process, box.cgroup().path());
    CHECK(why_not(workload).empty());

    const std::string below = box.cgroup().path() + "/below";
    REQUIRE(::mkdir(below.c_str(), 0755) == 0);
    move(process.pid(), below);
    CHECK(why_not(workload).empty());  // balanced as well

    move(process.pid(), elsewhere.path());
    CHECK_THAT(why_not(workload), Catch::Contains("not balancing other processes"));
    ::rmdir(below.c_str());
}

TEST_CASE("a cgroup that was replaced by another of its name meanwhile is noticed after attaching",
          "[kernel][workload]") {
    const TestCgroup parent("replaced");
    const std::string directory = parent.path() + "/app";
    REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
    const auto workload = proxy::find_workload(directory);
    REQUIRE(workload.has_value());
    CHECK(why_not(*workload).empty());
    REQUIRE(::rmdir(directory.c_str()) == 0);
    CHECK_THAT(why_not(*workload), Catch::Contains("was removed or replaced"));
    REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
    CHECK_THAT(why_not(*workload), Catch::Contains("was removed or replaced"));
}
