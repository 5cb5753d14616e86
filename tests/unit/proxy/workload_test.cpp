// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

using namespace reseat::proxy;

TEST_CASE("the cgroup2 mount is found beside cgroup v1 mounts", "[workload]") {
    const auto mount = parse_mountinfo(
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 master:1 - cgroup2 cgroup2 "
        "rw,nsdelegate\n");
    REQUIRE(mount);
    CHECK(mount->path == "/sys/fs/cgroup/unified");
    CHECK(mount->root == "/");
}

TEST_CASE("of several cgroup2 mounts, one that shows the whole hierarchy wins", "[workload]") {
    const auto mount = parse_mountinfo(
        "50 1 0:38 /kubepods/pod1 /mnt/part rw - cgroup2 none rw\n"
        "51 1 0:38 / /mnt/all rw - cgroup2 none rw\n");
    REQUIRE(mount);
    CHECK(mount->path == "/mnt/all");
    const auto only = parse_mountinfo("50 1 0:38 /kubepods/pod1 /mnt/part rw - cgroup2 none rw\n");
    REQUIRE(only);
    CHECK(only->root == "/kubepods/pod1");
}

TEST_CASE("mountinfo's escapes are undone", "[workload]") {
    const auto mount = parse_mountinfo("41 31 0:38 / /mnt/my\\040group\\134x rw - cgroup2 none rw\n");
    REQUIRE(mount);
    CHECK(mount->path == "/mnt/my group\\x");
}

TEST_CASE("no cgroup2 mount and malformed lines give nothing", "[workload]") {
    CHECK_FALSE(parse_mountinfo(""));
    CHECK_FALSE(parse_mountinfo("\n\n- cgroup2\n1 2 3\n1 2 3 / /x rw -\n"));
    CHECK_FALSE(parse_mountinfo("32 31 0:29 / /sys/fs/cgroup2 rw - cgroup cgroup2 rw\n"));
}

TEST_CASE("a process's cgroup2 is the 0:: line", "[workload]") {
    CHECK(parse_process_cgroup("12:pids:/a\n1:name=systemd:/b\n0::/app.slice/app:1.service\n") ==
          "/app.slice/app:1.service");
    CHECK(parse_process_cgroup("0::/\n") == "/");
    CHECK_FALSE(parse_process_cgroup("12:pids:/a\n"));
}

TEST_CASE("a cgroup that does not exist is named", "[workload]") {
    const auto found = find_cgroup("/nowhere/at/all");
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().code == reseat::lb::ErrorCode::failed);
    CHECK_THAT(found.error().message, Catch::Contains("/nowhere/at/all does not exist"));
}

TEST_CASE("a directory elsewhere is no cgroup", "[workload]") {
    const auto found = find_cgroup("/tmp");
    REQUIRE_FALSE(found.has_value());
    CHECK_THAT(found.error().message, Catch::Contains("/tmp is not a cgroup2 directory"));
}
