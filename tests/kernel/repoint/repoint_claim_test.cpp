// SPDX-License-Identifier: Apache-2.0
// lb_repoint: who moves a socket, one at a time, and what a killed process left of it.
#include "bpf/abi.h"
#include "tests/kernel/support/killable.hpp"
#include "tests/support/catch.hpp"

#include <bpf/bpf.h>

#include <filesystem>

using namespace reseat;
using namespace reseat::test;

namespace {

/// The pinned map, whose entries a test adds and removes.
class Repoints {
public:
    explicit Repoints(const bpf::KernelOptions& options) {
        for (const auto& entry : std::filesystem::directory_iterator(options.pin)) {
            const auto path = entry.path() / "lb_repoint";
            if (std::filesystem::exists(path)) map_ = UniqueFd(bpf_obj_get(path.c_str()));
        }
        REQUIRE(map_);
    }

    bool add(std::uint64_t cookie) {
        const lb_repoint entry{};
        return bpf_map_update_elem(map_.get(), &cookie, &entry, BPF_NOEXIST) == 0;
    }
    bool remove(std::uint64_t cookie) { return bpf_map_delete_elem(map_.get(), &cookie) == 0; }
    /// With cookies of sockets that there are not.
    void fill() {
        for (std::uint64_t cookie = kNobody; add(cookie); ++cookie) {
        }
    }
    void drain() {
        for (std::uint64_t cookie = kNobody; remove(cookie); ++cookie) {
        }
    }
    std::size_t entries() const {
        std::size_t count = 0;
        std::uint64_t cookie = 0;
        for (int more = bpf_map_get_next_key(map_.get(), nullptr, &cookie); more == 0; ++count)
            more = bpf_map_get_next_key(map_.get(), &cookie, &cookie);
        return count;
    }

private:
    static constexpr std::uint64_t kNobody = 1ull << 60;
    UniqueFd map_;
};

constexpr std::size_t kOwn = 1;  ///< the entry that says reseat's thread group

}  // namespace

TEST_CASE("re-points that a killed process left half done are cleared away by the next [E40]",
          "[kernel][repoint]") {
    Sandbox box("left-repoints", {"a", "b"});
    const BpfFs bpffs("left-repoints");
    const auto options = pinned_in(bpffs);
    KillablePlane first(box, both(box), options);
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    Repoints left(options);
    left.fill();
    first.kill();
    REQUIRE(left.entries() == LB_MAX_REPOINTS);
    TestPlane second(box, both(box), options);
    CHECK(Repoints(options).entries() == kOwn);
    const auto report = second.condemn(box.host("a"));
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);
    CHECK(client.echo("hello") == "b");
    CHECK(Repoints(options).entries() == kOwn);
}

TEST_CASE("no room to note a re-point: the socket waits for its turn and is not terminated [E43]",
          "[kernel][repoint]") {
    Sandbox box("full-repoints", {"a", "b"});
    const BpfFs bpffs("full-repoints");
    const auto options = pinned_in(bpffs);
    TestPlane plane(box, both(box), options);
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    Repoints all(options);
    all.fill();
    const auto lives = plane.take_out(box.host("a").endpoint());
    for (const auto life : lives) {
        const auto report = plane.reseat(life);
        CHECK(report.repointed == 0);
        CHECK(report.terminated == 0);
    }
    CHECK(client.actual_peer() == box.host("a").endpoint());
    CHECK(client.pending_error() == 0);
    all.drain();
    unsigned moved = 0;
    for (const auto life : lives) moved += plane.reseat(life).repointed;
    CHECK(moved == 1);
    CHECK(client.echo("hello") == "b");
}

TEST_CASE("a socket that is being moved for one life is not moved for another at the same time [E64]",
          "[kernel][repoint]") {
    Sandbox box("claimed", {"a", "b"});
    const BpfFs bpffs("claimed");
    const auto options = pinned_in(bpffs);
    TestPlane plane(box, both(box), options);
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    Repoints all(options);
    REQUIRE(all.add(client.cookie()));  // as another order does
    const auto life = plane.take_out(box.host("a").endpoint());
    for (const auto one : life) {
        const auto report = plane.reseat(one);
        CHECK(report.repointed == 0);
        CHECK(report.terminated == 0);
    }
    CHECK(client.actual_peer() == box.host("a").endpoint());
    CHECK(all.remove(client.cookie()));  // which was left alone
    unsigned moved = 0;
    for (const auto one : life) moved += plane.reseat(one).repointed;
    CHECK(moved == 1);
    CHECK(client.echo("hello") == "b");
}
