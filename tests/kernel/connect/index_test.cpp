// SPDX-License-Identifier: Apache-2.0
// The index of sockets: it grows before it is full, loses no place, and is adopted as large as it is.
#include "tests/kernel/support/killable.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>

#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kChunk = 16;

bpf::KernelOptions small_index(std::uint32_t chunks, std::uint32_t most) {
    bpf::KernelOptions options;
    options.index_chunk = kChunk;
    options.index_chunks = chunks;
    options.most_index_chunks = most;
    return options;
}

std::uint64_t overflow(TestPlane& plane) {
    for (const auto& [counter, value] : plane.kernel().stats())
        if (counter == "index_overflow") return value;
    return ~0ull;
}

lb::LifeId life_on_a(TestPlane& plane, Sandbox& box) {
    return plane.life(to_string(kVip) + "/tcp", box.host("a").endpoint());
}

Client open_socket(int type) {
    return Client(UniqueFd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
}

std::vector<Client> connected(Sandbox& box, TestPlane& plane, unsigned count) {
    std::vector<Client> clients;
    for (unsigned i = 0; i < count; ++i) {
        clients.push_back(landing_on(box, "a", kVip, Protocol::tcp));
        // The index grows while it has room: on a thread that waits for grace periods.
        const auto is_roomy = [&] {
            return plane.kernel().open_sockets(life_on_a(plane, box)) + kChunk <= plane.kernel().index_room();
        };
        if (count > kChunk && i % 8 == 7) REQUIRE(plane.pump_until(is_roomy));
    }
    return clients;
}

}  // namespace

TEST_CASE("the index grows before it is full: every socket has its place [E08]", "[kernel][index]") {
    Sandbox box("grows", {"a"});
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint()})}, small_index(4, 16));
    auto clients = connected(box, plane, 200);
    CHECK(overflow(plane) == 0);
    CHECK(plane.kernel().indexed_sockets(life_on_a(plane, box)) == 200);
    const auto report = plane.condemn(box.host("a"));
    CHECK(report.first_failure == "");
    CHECK(report.terminated == 200);
    for (auto& client : clients) CHECK(client.recv_error() == ECONNABORTED);
}

TEST_CASE("places in the index are used again, by processes at once, and none is lost [E08][E09]",
          "[kernel][index]") {
    constexpr unsigned kProcesses = 4, kRounds = 300;
    Sandbox box("places", {"a", "b"});
    TestPlane plane(box, both(box), small_index(1, 1));
    std::vector<Process> processes;
    for (unsigned i = 0; i < kProcesses; ++i)
        processes.push_back(box.spawn([] {
            for (unsigned round = 0; round < kRounds; ++round)
                for (const int type : {SOCK_STREAM, SOCK_DGRAM})
                    if (const int error = open_socket(type).connect(kVip)) return error;
            return 0;
        }));
    for (auto& process : processes) CHECK(process.wait() == 0);
    CHECK(overflow(plane) == 0);
    auto clients = connected(box, plane, kChunk);
    CHECK(overflow(plane) == 0);
    CHECK(plane.kernel().indexed_sockets(life_on_a(plane, box)) == kChunk);
    clients.clear();
    CHECK(plane.kernel().indexed_sockets(life_on_a(plane, box)) == 0);
    CHECK(plane.kernel().is_idle(life_on_a(plane, box)));
}

TEST_CASE("an index that has grown is adopted as it is, and grows further [E08][E40]",
          "[kernel][index][pin]") {
    Sandbox box("grown-adopted", {"a"});
    const BpfFs bpffs("grown-adopted");
    auto options = small_index(4, 32);
    options.pin = pinned_in(bpffs).pin;
    const std::vector services{service(kVip, {box.host("a").endpoint()})};
    std::vector<Client> clients;
    KillablePlane first(box, services, options, [&](TestPlane& plane) {
        const auto opened = connected(box, plane, 150);
        static_cast<void>(opened);
    });
    first.kill();
    for (int i = 0; i < 60; ++i)
        clients.push_back(landing_on(box, "a", kVip, Protocol::tcp));  // nobody is there
    TestPlane second(box, services, options);
    CHECK(second.kernel().indexed_sockets(life_on_a(second, box)) == 60);
    for (auto& client : connected(box, second, 200)) clients.push_back(std::move(client));
    CHECK(overflow(second) == 0);
    CHECK(second.kernel().indexed_sockets(life_on_a(second, box)) == 260);
    const auto report = second.condemn(box.host("a"));
    CHECK(report.first_failure == "");
    CHECK(report.terminated == 260);
}
