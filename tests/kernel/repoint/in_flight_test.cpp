// SPDX-License-Identifier: Apache-2.0
// Sockets that no process has in its descriptor table: on the way from one to another, or registered with an
// io_uring.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include <linux/io_uring.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

constexpr milliseconds kWork{2};  ///< how long each process keeps a socket

void pass(milliseconds time) {
    wait_until([] { return false; }, time);
}

struct Pair {
    Pair() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw std::bad_alloc();
        one = UniqueFd(ends[0]);
        other = UniqueFd(ends[1]);
    }
    UniqueFd one, other;
};

union Control {
    char bytes[CMSG_SPACE(sizeof(int))];
    cmsghdr header;
};

bool send_descriptor(int to, int descriptor) {
    char byte = 'd';
    iovec data{&byte, 1};
    Control control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    control.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    std::memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    return ::sendmsg(to, &message, 0) == 1;
}

UniqueFd receive_descriptor(int from) {
    char byte;
    iovec data{&byte, 1};
    Control control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    if (::recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message)) return UniqueFd();
    int descriptor;
    std::memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptor);
    return UniqueFd(descriptor);
}

/// Passes on whatever descriptor comes, until the other end is closed.
int relay(int through) {
    while (true) {
        const UniqueFd descriptor = receive_descriptor(through);
        if (!descriptor) return 0;
        pass(kWork);
        if (!send_descriptor(through, descriptor.get())) return 0;
    }
}

}  // namespace

TEST_CASE("a socket whose descriptor is on its way to another process is moved when it arrives [E84]",
          "[kernel][repoint]") {
    Sandbox box("in-flight", {"a", "b"});
    TestPlane plane(box, {udp_service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    const Pair way;
    REQUIRE(send_descriptor(way.one.get(), client.fd()));
    client.close();
    // Later than the looks that follow each other at once.
    std::thread receiver([&] {
        pass(300ms);
        client = Client(receive_descriptor(way.other.get()));
    });
    const auto report = plane.condemn(box.host("a"));
    receiver.join();
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);
    CHECK(report.terminated == 0);
    CHECK(client.echo("hello") == "b");
}

TEST_CASE("sockets that are handed to and fro between processes are all moved [E84]", "[kernel][repoint]") {
    if (is_emulated())
        return skip("an emulated processor looks for sockets more slowly than they are handed on");
    constexpr std::size_t kSockets = 50;
    Sandbox box("to-and-fro", {"a", "b"});
    TestPlane plane(box, {udp_service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})});
    std::vector<Client> clients;
    std::vector<Pair> ways(kSockets);
    std::vector<Process> relays;
    std::vector<std::thread> hands;
    for (std::size_t i = 0; i < kSockets; ++i)
        clients.push_back(silently_on(box, box.host("a").endpoint(), kVip, Protocol::udp));
    std::vector<int> descriptors;
    for (auto& client : clients) descriptors.push_back(client.fd());
    relays.push_back(box.spawn([&] {
        for (const int descriptor : descriptors) ::close(descriptor);
        std::vector<std::thread> threads;
        for (auto& way : ways) {
            way.one.reset();
            threads.emplace_back([&way] { relay(way.other.get()); });
        }
        for (auto& thread : threads) thread.join();
        return 0;
    }));
    std::atomic<bool> stop = false;
    for (std::size_t i = 0; i < kSockets; ++i) {
        ways[i].other.reset();
        hands.emplace_back([&, i] {
            while (!stop) {
                if (!send_descriptor(ways[i].one.get(), clients[i].fd())) return;
                clients[i].close();
                clients[i] = Client(receive_descriptor(ways[i].one.get()));
                pass(kWork);
            }
        });
    }
    const auto report = plane.condemn(box.host("a"));
    stop = true;
    for (auto& hand : hands) hand.join();
    CHECK(report.first_failure == "");
    CHECK(report.repointed == kSockets);
    CHECK(report.terminated == 0);
    for (auto& client : clients) CHECK(client.actual_peer() == box.host("b").endpoint());
}

TEST_CASE("a socket that only an io_uring has is terminated after a while, and it says why [E84]",
          "[kernel][repoint]") {
    io_uring_params params{};
    const UniqueFd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &params)));
    if (!ring) return skip("this machine forbids io_uring");
    Sandbox box("direct", {"a", "b"});
    TestPlane plane(box, {udp_service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    const int descriptor = client.fd();
    REQUIRE(::syscall(SYS_io_uring_register, ring.get(), IORING_REGISTER_FILES, &descriptor, 1) == 0);
    client.close();
    const auto report = plane.condemn(box.host("a"));
    CHECK(report.repointed == 0);
    CHECK(report.terminated == 1);
    CHECK(report.first_failure == "no process of the workload has the socket");
}
