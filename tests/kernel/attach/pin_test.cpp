// SPDX-License-Identifier: Apache-2.0
// Balancing that outlives the process, and the process that takes it over.
#include "bpf/abi.h"
#include "tests/kernel/support/killable.hpp"
#include "tests/support/catch.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <filesystem>

#include <sys/stat.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

lb::LifeId life_on(TestPlane& plane, Sandbox& box, const std::string& host, Protocol protocol) {
    return plane.life(to_string(kVip) + "/" + std::string(to_string(protocol)), box.host(host).endpoint());
}

/// The message with which attaching fails; empty when it works.
std::string refusal(const std::string& cgroup, const bpf::KernelOptions& options) {
    asio::io_context io;
    const auto plane = bpf::KernelDataPlane::attach(io.get_executor(), cgroup, options);
    return plane ? "" : plane.error().message;
}

/// Names below the pin directory.
std::vector<std::string> pinned_names(const bpf::KernelOptions& options) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(options.pin)) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
}

}  // namespace

TEST_CASE("killed, it goes on balancing; the next process adopts all, and ends sockets of all times [E40]",
          "[kernel][pin]") {
    Sandbox box("adopted", {"a", "b"});
    const BpfFs bpffs("adopted");
    const auto options = pinned_in(bpffs);
    KillablePlane first(box, both(box), options);
    std::vector<Client> on_a, on_b;
    auto open = [&](const char* vip) {
        for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
            on_a.push_back(landing_on(box, "a", vip, protocol));
            on_b.push_back(landing_on(box, "b", vip, protocol));
        }
    };
    open("10.96.0.1:80");
    first.kill();
    CHECK(links_on(box.cgroup().path()) == kPrograms);
    open("10.96.0.1:80");  // nobody is there
    TestPlane second(box, both(box), options);
    CHECK(links_on(box.cgroup().path()) == kPrograms);
    open("10.96.0.1:80");

    for (auto* clients : {&on_a, &on_b})
        for (auto& client : *clients) {
            CHECK(client.peer() == kVip);
            CHECK(client.echoes("still here"));
        }
    for (const auto protocol : {Protocol::tcp, Protocol::udp})
        for (const std::string host : {"a", "b"}) {
            CHECK(second.kernel().open_sockets(life_on(second, box, host, protocol)) == 3);
            CHECK(second.kernel().indexed_sockets(life_on(second, box, host, protocol)) == 3);
        }
    const auto report = second.condemn(box.host("a"));
    CHECK(report.first_failure == "");
    CHECK(report.terminated == 3);
    CHECK(report.repointed == 3);
    for (std::size_t i = 0; i < on_a.size(); i += 2) CHECK(on_a[i].recv_error() == ECONNABORTED);
    for (std::size_t i = 1; i < on_a.size(); i += 2) CHECK(on_a[i].echo("moved") == "b");
    for (auto& client : on_b) CHECK(client.echo("still here") == "b");
}

TEST_CASE("what was known is inherited: services, lives and their states, ids go on [E40]", "[kernel][pin]") {
    Sandbox box("inherited", {"a", "b", "c"});
    const BpfFs bpffs("inherited");
    const auto options = pinned_in(bpffs);
    auto spec = service(kVip, {box.host("a").endpoint(), box.host("b").endpoint(), box.host("c").endpoint()});
    spec.lb_policy = lb::LbPolicy::maglev;
    spec.hash_key = lb::HashKey::process;
    KillablePlane first(box, {spec}, options, [&](TestPlane& plane) {
        plane.take_out(box.host("a").endpoint());
        lb::Plan plan;
        plan.drain = {plane.life(spec.name, box.host("b").endpoint())};
        plane.publish(plan);
    });
    first.kill();
    asio::io_context io;
    const auto plane = bpf::KernelDataPlane::attach(io.get_executor(), box.cgroup().path(), options);
    REQUIRE(plane.has_value());
    const auto found = (*plane)->inheritance();
    REQUIRE(found.services.size() == 1);
    CHECK(found.services[0].name == spec.name);
    CHECK(found.services[0].protocol == Protocol::tcp);
    CHECK(found.services[0].addresses == spec.addresses);
    CHECK(found.services[0].lb_policy == lb::LbPolicy::maglev);
    CHECK(found.services[0].hash_key == lb::HashKey::process);
    CHECK(found.first_unused_service == 2);
    CHECK((*plane)->first_unused_life() == 4);
    REQUIRE(found.lives.size() == 3);
    using State = lb::Inheritance::State;
    for (const auto& [life, host, state] :
         {std::tuple{0U, "a", State::condemned}, std::tuple{1U, "b", State::draining},
          std::tuple{2U, "c", State::serving}}) {
        CHECK(found.lives[life].spec.life == life + 1);
        CHECK(found.lives[life].spec.service == found.services[0].id);
        CHECK(found.lives[life].spec.backend == box.host(host).endpoint());
        CHECK(found.lives[life].state == state);
    }
}

TEST_CASE("a termination that was cut short is finished by the next process [E40]", "[kernel][pin]") {
    Sandbox box("cut-short", {"a", "b"});
    const BpfFs bpffs("cut-short");
    const auto options = pinned_in(bpffs);
    KillablePlane first(box, both(box), options,
                        [&](TestPlane& plane) { landing_on(box, "a", kVip).close(), (void)plane; });
    Client tcp = landing_on(box, "a", kVip), other = landing_on(box, "b", kVip);
    first.kill();
    KillablePlane second(box, both(box), options,
                         [&](TestPlane& plane) { plane.take_out(box.host("a").endpoint()); });
    second.kill();
    TestPlane third(box, both(box), options);
    for (const auto& life : third.kernel().inheritance().lives)
        if (life.state == lb::Inheritance::State::condemned) third.reseat(life.spec.life);
    CHECK(tcp.recv_error() == ECONNABORTED);
    CHECK(other.echo("still here") == "b");
}

TEST_CASE("sockets that closed while no process was there are gone from the books [E40]", "[kernel][pin]") {
    Sandbox box("closed-alone", {"a"});
    const BpfFs bpffs("closed-alone");
    const auto options = pinned_in(bpffs);
    const std::vector services{service(kVip, {box.host("a").endpoint()})};
    KillablePlane first(box, services, options);
    Client stays = landing_on(box, "a", kVip), goes = landing_on(box, "a", kVip);
    first.kill();
    goes.close();
    TestPlane second(box, services, options);
    const auto life = life_on(second, box, "a", Protocol::tcp);
    CHECK(second.kernel().open_sockets(life) == 1);
    CHECK(second.kernel().indexed_sockets(life) == 1);
    stays.close();
    CHECK(second.pump_until([&] { return second.kernel().is_idle(life); }));
}

TEST_CASE("a data plane that ends in order leaves its pins too, unless told otherwise", "[kernel][pin]") {
    Sandbox box("ends", {"a", "b"});
    const BpfFs bpffs("ends");
    const auto options = pinned_in(bpffs);
    {
        TestPlane plane(box, both(box), options);
        CHECK(plane.kernel().pinned());
    }
    CHECK(box.client().connect(kVip) == 0);
    {
        TestPlane plane(box, both(box), options);
        plane.kernel().unpin();
        CHECK_FALSE(plane.kernel().pinned());
        CHECK_FALSE(fs::exists(options.pin));
        CHECK(box.client().connect(kVip) == 0);
    }
    CHECK(box.client().connect(kVip, 100ms) != 0);
    CHECK(links_on(box.cgroup().path()) == 0);
}

TEST_CASE("a running process keeps its pins; of one that is gone all is removed", "[kernel][pin]") {
    Sandbox box("detach", {"a", "b"});
    const TestCgroup elsewhere("detach-elsewhere");
    const BpfFs bpffs("detach");
    const auto options = pinned_in(bpffs);
    KillablePlane first(box, both(box), options);
    CHECK_THAT(refusal(elsewhere.path(), options),
               Catch::Contains("another running reseat already pins in " + options.pin));
    const auto refused = bpf::KernelDataPlane::remove_pinned(options.pin);
    REQUIRE_FALSE(refused.has_value());
    CHECK_THAT(refused.error().message, Catch::Contains("stop it first"));
    first.kill();
    CHECK(bpf::KernelDataPlane::remove_pinned(options.pin).value());
    CHECK_FALSE(fs::exists(options.pin));
    CHECK(links_on(box.cgroup().path()) == 0);
    CHECK(box.client().connect(kVip, 100ms) != 0);
    CHECK_FALSE(bpf::KernelDataPlane::remove_pinned(options.pin).value());
}

TEST_CASE(
    "pins of another cgroup, or of one that was removed, are no use: removed, and it starts afresh [E59]",
    "[kernel][pin]") {
    Sandbox box("elsewhere", {"a"});
    const BpfFs bpffs("elsewhere");
    const auto options = pinned_in(bpffs);
    const std::vector services{service(kVip, {box.host("a").endpoint()})};
    const std::string path = cgroup2_mount() + "/reseat-test-removed-" + std::to_string(::getpid());
    REQUIRE(::mkdir(path.c_str(), 0755) == 0);
    {
        asio::io_context io;
        const auto plane = bpf::KernelDataPlane::attach(io.get_executor(), path, options);
        REQUIRE(plane.has_value());
        CHECK_FALSE((*plane)->cgroup_is_gone());
        if (GENERATE(true, false)) {
            REQUIRE(remove_cgroup(path));
            CHECK(wait_until([&] { return (*plane)->cgroup_is_gone(); }));
            REQUIRE(::mkdir(path.c_str(), 0755) == 0);  // the same name, another cgroup
        }
    }
    {
        TestPlane plane(box, services, options);
        CHECK(plane.kernel().inheritance().services.empty());
        CHECK(links_on(path) == 0);
        CHECK(box.client().connect(kVip) == 0);
        CHECK(pinned_names(options) == std::vector<std::string>{"links", "maps-1"});
    }
    CHECK(remove_cgroup(path));
}

TEST_CASE("a pinned set that is not whole, or of other records, is removed and it starts afresh [E72]",
          "[kernel][pin]") {
    Sandbox box("not-whole", {"a"});
    const BpfFs bpffs("not-whole");
    const auto options = pinned_in(bpffs);
    const std::vector services{service(kVip, {box.host("a").endpoint()})};
    static_cast<void>(TestPlane(box, services, options));
    const fs::path pins = options.pin;
    SECTION("no links") {
        fs::remove_all(pins / "links");
    }
    SECTION("a map is missing") {
        fs::remove(pins / "maps-1" / "lb_names");
    }
    SECTION("sockets are recorded in another way") {
        const UniqueFd meta_map(bpf_obj_get((pins / "maps-1" / "lb_meta").c_str()));
        const __u32 zero = 0;
        lb_meta meta{};
        REQUIRE(bpf_map_lookup_elem(meta_map.get(), &zero, &meta) == 0);
        ++meta.owner_version;
        REQUIRE(bpf_map_update_elem(meta_map.get(), &zero, &meta, BPF_ANY) == 0);
    }
    TestPlane plane(box, services, options);
    CHECK(plane.kernel().inheritance().services.empty());
    CHECK(links_on(box.cgroup().path()) == kPrograms);
    CHECK(box.client().connect(kVip) == 0);
    CHECK(pinned_names(options) == std::vector<std::string>{"links", "maps-1"});
}

TEST_CASE(
    "programs of a killed process that we do not take over are in the way: never two of ours at once [E24]",
    "[kernel][pin]") {
    Sandbox box("in-the-way", {"a", "b"});
    const BpfFs bpffs("in-the-way");
    KillablePlane first(box, both(box), pinned_in(bpffs));
    first.kill();
    CHECK_THAT(refusal(box.cgroup().path(), {}),
               Catch::Contains("still attached") && Catch::Contains("reseat detach --pin DIR"));
    const std::string below = box.cgroup().path() + "/below";
    REQUIRE(::mkdir(below.c_str(), 0755) == 0);
    CHECK_THAT(refusal(below, {}), Catch::Contains("still attached there or above"));
    CHECK(remove_cgroup(below));
    CHECK(links_on(box.cgroup().path()) == kPrograms);
    CHECK(box.client().connect(kVip) == 0);
    CHECK(refusal(box.cgroup().path(), pinned_in(bpffs)) == "");
}

TEST_CASE("nothing is pinned or adopted where another user could change it", "[kernel][pin]") {
    const TestCgroup cgroup("foreign-pins");
    const BpfFs bpffs("foreign");
    const auto options = pinned_in(bpffs);
    const fs::path above = fs::path(options.pin).parent_path();
    REQUIRE(::mkdir(above.c_str(), 0700) == 0);
    REQUIRE(::chown(above.c_str(), 65534, 65534) == 0);
    CHECK_THAT(refusal(cgroup.path(), options), Catch::Contains("belongs to another user"));
    REQUIRE(::chown(above.c_str(), 0, 0) == 0);
    REQUIRE(::chmod(above.c_str(), 0777) == 0);
    CHECK_THAT(refusal(cgroup.path(), options), Catch::Contains("is world-writable"));
    REQUIRE(::chmod(above.c_str(), 0755) == 0);
    CHECK(refusal(cgroup.path(), options) == "");
}

TEST_CASE("pinning asks for a bpffs, and says so", "[kernel][pin]") {
    const TestCgroup cgroup("no-bpffs");
    bpf::KernelOptions options;
    options.pin = "/tmp/reseat-test-no-bpffs-" + std::to_string(::getpid());
    CHECK_THAT(refusal(cgroup.path(), options), Catch::Contains("not in a bpffs"));
    fs::remove(options.pin);
    CHECK(links_on(cgroup.path()) == 0);
}

TEST_CASE("each address family goes on with its own turn in the next process [E40][E85]", "[kernel][pin]") {
    Sandbox box("turns-kept", {"a", "b", "c"});
    const BpfFs bpffs("turns-kept");
    const auto options = pinned_in(bpffs);
    const Where vip6 = "[fd96::1]:80";
    auto dual = service(kVip, {});
    dual.addresses.push_back(vip6);
    for (const auto family : {Family::v4, Family::v6})
        for (const std::string host : {"a", "b", "c"})
            dual.backends.push_back({.name = host, .endpoint = box.host(host).endpoint(family)});
    const auto next = [&](Family family) {
        Client client = box.client(Protocol::tcp, family);
        REQUIRE(client.connect(family == Family::v4 ? kVip : vip6) == 0);
        return client.echo("hello");
    };
    KillablePlane first(box, {dual}, options);
    CHECK(next(Family::v4) == "a");
    CHECK(next(Family::v6) == "a");
    CHECK(next(Family::v6) == "b");
    first.kill();
    TestPlane second(box, {dual}, options);
    CHECK(next(Family::v4) == "b");
    CHECK(next(Family::v6) == "c");
}
