// SPDX-License-Identifier: Apache-2.0
// SIGKILL at any moment, another version, and maps that are outgrown: all under load.
#include "tests/kernel/support/killable.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/connect_load.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <random>

#include <sys/mount.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

Endpoint nobody(unsigned number) {
    return Where(
        ("10.98." + std::to_string(number / 200 % 200) + "." + std::to_string(number % 200 + 1) + ":80")
            .c_str());
}

/// A service of `backends` backends that nobody dials.
lb::ServiceId add_unused(TestPlane& plane, unsigned backends) {
    lb::Plan plan;
    const auto id = plane.next_service();
    plan.add_services.push_back({id, "unused " + std::to_string(id), Protocol::tcp, {nobody(id)}});
    lb::Table table{id, Family::v4, {}};
    for (unsigned i = 0; i < backends; ++i) {
        plan.begin.push_back({plane.next_life(), id, nobody(i)});
        table.slots.push_back(plan.begin.back().life);
    }
    plan.tables.push_back(table);
    plane.publish(plan);
    return id;
}

/// Its lives too.
void remove_again(TestPlane& plane, lb::ServiceId service, unsigned backends) {
    const lb::LifeId after = plane.next_life();
    lb::Plan plan;
    plan.tables = {{service, Family::v4, {}}};
    for (lb::LifeId life = after - backends; life < after; ++life) plan.condemn.push_back(life);
    plan.retire = plan.condemn;
    plan.remove_services = {service};
    plane.publish(plan);
}

std::uint64_t sum_open(TestPlane& plane) {
    std::uint64_t sum = 0;
    for (const auto& life : plane.kernel().inheritance().lives)
        sum += plane.kernel().open_sockets(life.spec.life);
    return sum;
}

/// No socket is owned any more by whatever the load used: all are closed.
bool books_are_even(TestPlane& plane, std::uint64_t open) {
    return plane.pump_until([&] { return sum_open(plane) == open; });
}

std::ptrdiff_t count_sets(const fs::path& pins) {
    return std::ranges::count_if(fs::directory_iterator(pins), [](const fs::directory_entry& entry) {
        return entry.path().filename().string().starts_with("maps-");
    });
}

void end_well(ConnectLoad& load) {
    load.end();
    INFO(load.first_failure());
    CHECK(load.failures() == 0);
    CHECK(load.connects() > 10);
}

}  // namespace

TEST_CASE("maps that are outgrown are replaced under load: no connect fails, every socket stays owned [E37]",
          "[kernel][pin]") {
    Sandbox box("outgrown", {"a", "b"});
    const BpfFs bpffs("outgrown");
    ConnectLoad load(box, kVip);
    bpf::KernelOptions options;
    const bool pinned = GENERATE(true, false);
    if (pinned) options.pin = bpffs.path() + "/reseat";
    options.max_services = 2;
    options.max_backends = 4;
    options.max_slots = 16;
    TestPlane plane(box, both(box), options);
    const auto links = link_ids_on(box.cgroup().path());
    load.begin();
    std::vector<Client> tcp, udp;
    for (unsigned round = 0; round < 5; ++round) {
        tcp.push_back(landing_on(box, "a", kVip));
        udp.push_back(landing_on(box, "a", kVip, Protocol::udp));
        add_unused(plane, 4u << round);
        // At once, while programs of the set before may still run.
        const auto life = plane.life(to_string(kVip) + "/tcp", box.host("a").endpoint());
        CHECK(plane.kernel().open_sockets(life) >= round + 1);
        CHECK(plane.kernel().open_sockets(life) < 100);
        CHECK(plane.kernel().indexed_sockets(life) >= round + 1);
        plane.pump_until([] { return false; }, 30ms);
    }
    end_well(load);
    for (const auto* name : {"/tcp", "/udp"}) {
        const auto life = plane.life(to_string(kVip) + name, box.host("a").endpoint());
        CHECK(plane.pump_until([&] { return plane.kernel().open_sockets(life) == tcp.size(); }));
        CHECK(plane.kernel().connects_total(life) > tcp.size());
    }
    const auto report = plane.condemn(box.host("a"));
    CHECK(report.first_failure == "");
    CHECK(report.terminated == tcp.size());
    CHECK(report.repointed == udp.size());
    for (auto& client : tcp) CHECK(client.recv_error() == ECONNABORTED);
    for (auto& client : udp) CHECK(client.echo("moved") == "b");
    if (pinned) {
        // The set before goes when none of its programs runs any more.
        CHECK(plane.pump_until([&] { return count_sets(options.pin) == 1; }));
        CHECK_FALSE(fs::exists(options.pin + "/maps-1"));
    }
    CHECK(links.size() == kPrograms);
    CHECK(link_ids_on(box.cgroup().path()) == links);  // never detached
}

TEST_CASE("room that cannot be made is refused, and nothing has changed [E43]", "[kernel][pin]") {
    Sandbox box("no-room", {"a", "b"});
    const BpfFs bpffs("no-room");
    auto options = pinned_in(bpffs);
    options.max_services = 2;
    TestPlane plane(box, both(box), options);
    REQUIRE(::mount(nullptr, bpffs.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
    CHECK_THROWS_WITH(add_unused(plane, 1), Catch::Contains("make room for this configuration"));
    CHECK(landing_on(box, "a", kVip).peer() == kVip);
    CHECK(landing_on(box, "b", kVip, Protocol::udp).peer() == kVip);
    CHECK(links_on(box.cgroup().path()) == kPrograms);
    REQUIRE(::mount(nullptr, bpffs.path().c_str(), nullptr, MS_REMOUNT, nullptr) == 0);
    add_unused(plane, 1);
    CHECK(plane.condemn(box.host("a")).failed == 0);
}

TEST_CASE("another version with another map layout takes over under load: nothing is lost [E72]",
          "[kernel][pin]") {
    Sandbox box("upgrade", {"a", "b"});
    const BpfFs bpffs("upgrade");
    ConnectLoad load(box, kVip);
    auto before = pinned_in(bpffs), after = before;
    (GENERATE(true, false) ? before : after).pretend_later_version = 40;
    KillablePlane first(box, both(box), before);
    const auto links = link_ids_on(box.cgroup().path());
    load.begin();
    std::vector<Client> tcp, udp;
    auto open = [&] {
        tcp.push_back(landing_on(box, "a", kVip));
        udp.push_back(landing_on(box, "a", kVip, Protocol::udp));
    };
    open();
    first.kill();
    open();
    TestPlane second(box, both(box), after);
    open();
    CHECK(link_ids_on(box.cgroup().path()) == links);  // never detached
    REQUIRE(second.kernel().inheritance().lives.size() == 4);
    for (const auto& life : second.kernel().inheritance().lives)
        CHECK(second.kernel().connects_total(life.spec.life) > 0);
    end_well(load);
    CHECK(books_are_even(second, 6));
    for (auto* clients : {&tcp, &udp})
        for (auto& client : *clients) CHECK(client.peer() == kVip);
    const auto report = second.condemn(box.host("a"));
    CHECK(report.first_failure == "");
    CHECK(report.terminated == 3);
    CHECK(report.repointed == 3);
    for (auto& client : tcp) CHECK(client.recv_error() == ECONNABORTED);
    for (auto& client : udp) CHECK(client.echo("moved") == "b");
}

TEST_CASE(
    "killed at any moment, again and again: connects never fail, nothing is attached twice or left [E40]",
    "[kernel][pin]") {
    Sandbox box("killed-often", {"a", "b"});
    const BpfFs bpffs("killed-often");
    ConnectLoad load(box, kVip);
    auto options = pinned_in(bpffs);
    options.most_index_chunks = 37;  // by which our maps are known among all
    options.max_services = 2;
    options.max_backends = 4;
    options.max_slots = 16;
    auto other = options;
    other.pretend_later_version = 24;
    static_cast<void>(KillablePlane(box, both(box), options));
    load.begin();
    std::vector<Client> clients;
    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (unsigned round = 0; round < 40; ++round) {
        clients.push_back(
            landing_on(box, round % 2 ? "a" : "b", kVip, round % 3 ? Protocol::tcp : Protocol::udp));
        KillablePlane victim(KillablePlane::AtOnce{}, box, both(box), random() % 2 ? options : other,
                             [](TestPlane& plane) {
                                 const auto service = add_unused(plane, 7);
                                 plane.pump_until([] { return false; }, 1ms);
                                 remove_again(plane, service, 7);
                                 add_unused(plane, 3);
                             });
        wait_until([] { return false; }, std::chrono::milliseconds(random() % 400));
        victim.kill();
        CHECK(links_on(box.cgroup().path()) == kPrograms);
    }
    {
        TestPlane last(box, both(box), options);
        CHECK(links_on(box.cgroup().path()) == kPrograms);
        end_well(load);
        CHECK(books_are_even(last, clients.size()));
        for (auto& client : clients) {
            CHECK(client.peer() == kVip);
            CHECK(client.echoes("still here"));
        }
        const auto report = last.condemn(box.host("a"));
        CHECK(report.first_failure == "");
        CHECK(report.matched == clients.size() / 2);
        last.pump_until([] { return false; }, 50ms);
        CHECK(maps_like("lb_flows", 37) == 1);
    }
    CHECK(bpf::KernelDataPlane::remove_pinned(options.pin).value());
    CHECK(links_on(box.cgroup().path()) == 0);
    CHECK(wait_until([] { return maps_like("lb_flows", 37) == 0; }));
    CHECK_FALSE(fs::exists(options.pin));
}

TEST_CASE("killed while it ends and moves sockets: the next process finishes, and spares who is well [E40]",
          "[kernel][pin]") {
    Sandbox box("killed-ending", {"a", "b"});
    const BpfFs bpffs("killed-ending");
    const auto options = pinned_in(bpffs);
    std::mt19937 random(40);
    for (unsigned round = 0; round < 4; ++round) {
        std::vector<Client> on_a, on_b;
        {
            TestPlane plane(box, both(box), options);
            for (int i = 0; i < 20; ++i) {
                const auto protocol = i % 2 ? Protocol::tcp : Protocol::udp;
                on_a.push_back(landing_on(box, "a", kVip, protocol));
                on_b.push_back(landing_on(box, "b", kVip, protocol));
            }
        }
        KillablePlane victim(KillablePlane::AtOnce{}, box, both(box), options, [&](TestPlane& plane) {
            plane.condemn(box.host("a"));
            plane.bring_back(box.host("a").endpoint());
        });
        wait_until([] { return false; }, std::chrono::milliseconds(100 + random() % 200));
        victim.kill();
        TestPlane plane(box, both(box), options);
        for (const auto& life : plane.kernel().inheritance().lives)
            if (life.state == lb::Inheritance::State::condemned) plane.reseat(life.spec.life);
        CHECK(plane.condemn(box.host("a")).failed == 0);
        CHECK(sockets_to(box.host("a").endpoint(), Protocol::tcp) == 0);
        CHECK(sockets_to(box.host("a").endpoint(), Protocol::udp) == 0);
        for (std::size_t i = 0; i < on_a.size(); i += 2) CHECK(on_a[i].echo("moved") == "b");
        for (auto& client : on_b) CHECK(client.echo("still here") == "b");
        plane.bring_back(box.host("a").endpoint());
    }
}
