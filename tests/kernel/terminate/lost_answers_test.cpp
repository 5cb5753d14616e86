// SPDX-License-Identifier: Apache-2.0
// sock_diag's answers do not fit: what the kernel had to drop is never taken for a socket that is gone.
#include "bpf/maps/byte_order.hpp"
#include "bpf/sockets/sock_diag.hpp"
#include "tests/kernel/support/engine_cases.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <filesystem>

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;

namespace {

/// Room for answers in all sock_diag channels of this process.
void set_room(int bytes) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int fd = std::stoi(entry.path().filename());
        int family = 0, protocol = 0;
        socklen_t length = sizeof family;
        if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0 || family != AF_NETLINK) continue;
        ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length);
        if (protocol == NETLINK_SOCK_DIAG) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    }
}

constexpr int kTwoAnswers = 1, kPlenty = 4 * 1024 * 1024;  // the kernel makes the first 2,304

}  // namespace

TEST_CASE("answers of sock_diag that were lost are asked for again, or it is an error [E26]",
          "[kernel][lost]") {
    Sandbox box("lost", {"a"});
    auto& a = box.host("a");
    std::vector<Client> clients;
    std::vector<bpf::SocketTuple> tuples;
    for (int i = 0; i < 50; ++i) {
        clients.push_back(box.outsider());
        REQUIRE(clients.back().connect(a.endpoint()) == 0);
        tuples.push_back({.local = bpf::to_kernel(*clients.back().local(), Protocol::tcp),
                          .remote = bpf::to_kernel(a.endpoint(), Protocol::tcp),
                          .cookie = clients.back().cookie()});
    }
    auto diag = bpf::SockDiag::open();
    REQUIRE(diag.has_value());
    set_room(kTwoAnswers);
    const auto piecemeal = diag->find(tuples);
    REQUIRE(piecemeal.has_value());
    for (const auto& socket : *piecemeal) CHECK(socket);
    std::size_t listed = 0;
    const bpf::DumpFilter filter{
        .protocol = IPPROTO_TCP, .states = bpf::kLiveTcpStates, .remote_port_be = tuples[0].remote.port_be};
    REQUIRE(diag->dump(filter, [&](const auto&) { ++listed; }).has_value());  // a dump goes on as it is read
    CHECK(listed >= clients.size());
    auto strangers = tuples;
    for (auto& tuple : strangers) tuple.cookie += 1'000'000'000;
    strangers.push_back(tuples[0]);
    const auto outcomes = diag->destroy(strangers);
    REQUIRE(outcomes.has_value());
    for (const int outcome : *outcomes) CHECK((outcome == ENOENT || outcome == EAGAIN));
    CHECK(outcomes->back() == EAGAIN);  // it was ended, and nobody heard
    CHECK(clients[0].recv_error() == ECONNABORTED);
    set_room(kPlenty);
    const auto found = diag->find(tuples);
    REQUIRE(found.has_value());
    CHECK_FALSE(found->front());
    for (std::size_t i = 1; i < found->size(); ++i) CHECK(found->at(i));
}

TEST_CASE("lost answers leave no engine with a socket that it believes gone [E26]",
          "[kernel][lost][engines]") {
    const auto engine = GENERATE(from_range(kEngines));
    INFO(to_string(engine));
    Sandbox box("lost-engine", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})}, {.only_engine = engine});
    std::vector<Client> clients;
    for (int i = 0; i < 50; ++i) clients.push_back(landing_on(box, "a", kVip));
    const auto lives = plane.take_out(a.endpoint());
    REQUIRE(lives.size() == 1);
    set_room(kTwoAnswers);
    const auto report = plane.reseat(lives[0]);
    CHECK(report.terminated == 50);
    CHECK(report.failed == 0);
    set_room(kPlenty);
    for (auto& client : clients) CHECK(client.recv_error() != 0);
}
