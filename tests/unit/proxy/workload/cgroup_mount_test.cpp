// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload/cgroup_mount.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;
using namespace reseat::proxy;

TEST_CASE("cgroup2 mounts are found beside cgroup v1 mounts", "[workload]") {
    const auto mounts = parse_cgroup_mounts(
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 master:1 - cgroup2 cgroup2 "
        "rw,nsdelegate\n"
        "50 1 0:38 /../.. /host/sys/fs/cgroup ro - cgroup2 none rw\n");
    REQUIRE(mounts.size() == 2);
    CHECK(mounts[0].path == "/sys/fs/cgroup/unified");
    CHECK(mounts[0].root == "/");
    CHECK(mounts[1].path == "/host/sys/fs/cgroup");
    CHECK(mounts[1].root == "/../..");
}

TEST_CASE("mountinfo's escapes are undone", "[workload]") {
    const auto mounts = parse_cgroup_mounts("41 31 0:38 / /mnt/my\\040group\\134x rw - cgroup2 none rw\n");
    REQUIRE(mounts.size() == 1);
    CHECK(mounts[0].path == "/mnt/my group\\x");
}

TEST_CASE("no cgroup2 mount and malformed lines give nothing", "[workload]") {
    CHECK(parse_cgroup_mounts("").empty());
    CHECK(parse_cgroup_mounts("\n\n- cgroup2\n1 2 3\n1 2 3 / /x rw -\n").empty());
    CHECK(parse_cgroup_mounts("32 31 0:29 / /sys/fs/cgroup2 rw - cgroup cgroup2 rw\n").empty());
}

TEST_CASE("a process's cgroup2 is the 0:: line", "[workload]") {
    CHECK(parse_process_cgroup("12:pids:/a\n1:name=systemd:/b\n0::/app.slice/app:1.service\n") ==
          "/app.slice/app:1.service");
    CHECK(parse_process_cgroup("0::/\n") == "/");
    CHECK(parse_process_cgroup("0::/../app\n") == "/../app");
    CHECK_FALSE(parse_process_cgroup("12:pids:/a\n"));
}

TEST_CASE("a cgroup is found below a mount that shows it, and below no other", "[workload]") {
    CHECK(below("/", "/") == "");
    CHECK(below("/", "/a/b") == "a/b");
    CHECK(below("/a", "/a") == "");
    CHECK(below("/a", "/a/b") == "b");
    CHECK_FALSE(below("/a", "/ab"));
    CHECK_FALSE(below("/a/b", "/a"));
    // Seen from a cgroup namespace of our own, in which the neighbour is above us.
    CHECK_FALSE(below("/", "/../app"));
    CHECK_FALSE(below("/", "/.."));
    CHECK(below("/..", "/../app") == "app");
    CHECK(below("/../..", "/../../pod/app") == "pod/app");
    CHECK_FALSE(below("/..", "/../../pod/app"));
    CHECK(below("/../app", "/../app") == "");
}

TEST_CASE("below a directory, nothing is the directory", "[workload]") {
    CHECK(join("/sys/fs/cgroup", "") == "/sys/fs/cgroup");
    CHECK(join("/sys/fs/cgroup", "a/b") == "/sys/fs/cgroup/a/b");
}
