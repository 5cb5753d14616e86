// SPDX-License-Identifier: Apache-2.0
// A socket whose owner sleeps in a page fault inside send(), with the socket's lock: it delays nobody else.
#include "tests/kernel/support/policies.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

/// A page that is not there until release(): who reads it sleeps.
class MissingPage {
public:
    MissingPage()
        : fault_(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK))),
          page_(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
        uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
        uffdio_register range{{reinterpret_cast<__u64>(page_), kSize}, UFFDIO_REGISTER_MODE_MISSING, 0};
        if (!fault_ || ::ioctl(fault_.get(), UFFDIO_API, &api) != 0 ||
            ::ioctl(fault_.get(), UFFDIO_REGISTER, &range) != 0)
            throw std::system_error(errno, std::generic_category(), "userfaultfd");
    }
    ~MissingPage() {
        release();
        fault_.reset();
        ::munmap(page_, kSize);
    }
    const void* get() const { return page_; }
    bool is_waited_for() const {
        uffd_msg message;
        return ::read(fault_.get(), &message, sizeof message) == sizeof message;
    }
    void release() {
        uffdio_zeropage zero{{reinterpret_cast<__u64>(page_), kSize}, 0, 0};
        ::ioctl(fault_.get(), UFFDIO_ZEROPAGE, &zero);
    }
    static constexpr std::size_t kSize = 4096;

private:
    UniqueFd fault_;
    void* page_;
};

/// A thread of the workload that holds the lock of a TCP socket until released.
class LockHolder {
public:
    explicit LockHolder(const Client& client)
        : thread_([this, fd = client.fd()] { ::send(fd, page_.get(), MissingPage::kSize, MSG_NOSIGNAL); }) {
        if (!wait_until([this] { return page_.is_waited_for(); })) throw std::runtime_error("no page fault");
    }
    ~LockHolder() { release(); }
    void release() {
        page_.release();
        if (thread_.joinable()) thread_.join();
    }

private:
    MissingPage page_;
    std::thread thread_;
};

/// Threads of this process that no signal wakes up.
std::size_t uninterruptible_threads() {
    std::size_t count = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string text;
        std::getline(std::ifstream(task.path() / "stat") >> std::ws, text);
        const auto name_end = text.rfind(") ");
        count += name_end != std::string::npos && text[name_end + 2] == 'D';
    }
    return count;
}

std::vector<Client> connected_directly(Sandbox& box, const Endpoint& to) {
    std::vector<Client> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(box.client());
        REQUIRE(clients.back().connect(to) == 0);
    }
    return clients;
}

/// Of these clients of `to`, which `end` ends, the lock of one is held for a while.
template <class End>
void check_one_stuck(std::vector<Client>& clients, const Endpoint& to, End end) {
    LockHolder holder(clients[10]);
    const auto report = end();
    CHECK(report.matched == 20);
    CHECK(report.terminated == 19);
    CHECK(report.failed == 1);
    CHECK_THAT(report.first_failure, Catch::Contains("lock"));
    for (std::size_t i = 0; i < clients.size(); ++i)
        if (i != 10) CHECK(clients[i].recv_error(0ms) == ECONNABORTED);
    const auto waiting = uninterruptible_threads();
    CHECK(end().failed == 1);  // reported again, and no worker waits again
    CHECK(wait_until([&] { return uninterruptible_threads() <= waiting; }));

    holder.release();
    CHECK(wait_until([&] { return sockets_to(to, Protocol::tcp) == 0; }));
    CHECK(end().matched == 0);
    CHECK(clients[10].pending_error() == ECONNABORTED);
}

}  // namespace

TEST_CASE("a socket whose lock is held delays no other, is reported, and is ended when it can be [E52]",
          "[kernel][stuck]") {
    Sandbox box("stuck", {"a", "b"});
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(box, {service(kVip, {a.endpoint()}), service(kVip6, {b.endpoint(Family::v6)})});
    std::vector<Client> victims;
    for (int i = 0; i < 20; ++i) victims.push_back(landing_on(box, "a", kVip));
    Client other_life = landing_on(box, "b", kVip6, Protocol::tcp, Family::v6);
    LockHolder holder(victims[10]);

    const auto lives = plane.take_out(a.endpoint());
    REQUIRE(lives.size() == 1);
    const auto report = plane.reseat(lives[0]);
    CHECK(report.terminated == 19);
    CHECK(report.failed == 1);
    CHECK_THAT(report.first_failure, Catch::Contains("lock"));
    for (std::size_t i = 0; i < victims.size(); ++i)
        if (i != 10) CHECK(victims[i].recv_error(0ms) == ECONNABORTED);
    CHECK(plane.condemn(b).terminated == 1);
    CHECK(other_life.recv_error() == ECONNABORTED);
    const auto waiting = uninterruptible_threads();
    CHECK(plane.reseat(lives[0]).failed == 1);  // told again, and nobody waits again
    CHECK(wait_until([&] { return uninterruptible_threads() <= waiting; }));

    holder.release();
    CHECK(wait_until([&] { return sockets_to(a.endpoint(), Protocol::tcp) == 0; }));
    CHECK(plane.reseat(lives[0]).failed == 0);
    CHECK(victims[10].pending_error() == ECONNABORTED);
}

TEST_CASE("the iterator waits for a lock that is held, and says so [E52]", "[kernel][stuck]") {
    Sandbox box("stuck-iterator", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})}, {.only_engine = bpf::Engine::iterator});
    Client stuck = landing_on(box, "a", kVip);
    Client other = landing_on(box, "a", kVip);
    LockHolder holder(stuck);
    const auto lives = plane.take_out(a.endpoint());
    const auto report = plane.reseat(lives.at(0));
    CHECK(report.failed >= 1);
    CHECK(report.failed <= 2);  // a limit of this engine: the other one may have to wait as well
    holder.release();
    CHECK(wait_until([&] { return sockets_to(a.endpoint(), Protocol::tcp) == 0; }));
}

TEST_CASE("shutting down does not wait for a lock that is held [E52]", "[kernel][stuck]") {
    Sandbox box("stuck-end", {"a"});
    auto& a = box.host("a");
    auto plane = std::make_unique<TestPlane>(box, std::vector{service(kVip, {a.endpoint()})});
    Client victim = landing_on(box, "a", kVip);
    LockHolder holder(victim);
    const auto lives = plane->take_out(a.endpoint());
    CHECK(plane->reseat(lives.at(0)).failed == 1);
    plane.reset();  // would hang for ever
    CHECK(victim.is_silent(10ms));
    holder.release();
    CHECK(wait_until([&] { return victim.pending_error() == ECONNABORTED; }));  // by who was left behind
}

TEST_CASE("a denied socket whose lock is held delays no other, is reported, and ends when it can [E21][E52]",
          "[kernel][stuck][forbidden]") {
    Sandbox box("stuck-denied", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    std::vector<Client> clients = connected_directly(box, a.endpoint());
    set_policies(plane, {deny(all_of(a))});
    const auto enforce = [&] { return plane.run(plane.kernel().enforce_policies()).at(0).second; };
    check_one_stuck(clients, a.endpoint(), enforce);
}

TEST_CASE("an older socket whose lock is held delays no other, is reported, and ends when it can [E27][E52]",
          "[kernel][stuck][untracked]") {
    Sandbox box("stuck-untracked", {"a"});
    auto& a = box.host("a");
    std::vector<Client> clients = connected_directly(box, a.endpoint());
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    const auto end = [&] {
        return plane.run(plane.kernel().end_untracked({Protocol::tcp, {a.endpoint()}, std::nullopt}));
    };
    check_one_stuck(clients, a.endpoint(), end);
}
