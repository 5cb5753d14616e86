// SPDX-License-Identifier: Apache-2.0
// Threaded cgroups, and cgroups that come and go while they are read: reads of their files fail.
#include "bpf/procfs/cgroup_tree.hpp"
#include "bpf/procfs/workload_processes.hpp"
#include "proxy/workload/workload.hpp"
#include "tests/kernel/support/policies.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_cgroup.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

constexpr auto threaded = ChildCgroup::Kind::threaded;

std::ptrdiff_t times_found(const Process& process, const std::string& cgroup) {
    return std::ranges::count(bpf::processes_below(cgroup), static_cast<std::uint32_t>(process.pid()));
}

/// A process of the sandbox that does nothing, in another cgroup; returns when it is there.
Process idle_in(const Sandbox& box, const std::string& cgroup) {
    Process process(cgroup, box.lab().client(), [] { return ::pause(); });
    const auto there = [&] {
        const auto found = proxy::find_workload_of(process.pid());
        return found && found->directory == cgroup;
    };
    if (!wait_until(there)) throw std::runtime_error("the process does not join its cgroup");
    return process;
}

/// Whose recorded owner has ended, and that a process in `cgroup` has. Returns when that one has it.
class Inherited {
public:
    Inherited(Sandbox& box, const std::string& cgroup) {
        Client client = box.client(Protocol::udp);
        if (box.spawn([&] { return client.connect(kVip); }).wait() != 0)
            throw std::runtime_error("cannot connect");
        backend_ = client.actual_peer().value();
        heir_ = std::make_unique<Process>(cgroup, box.lab().client(), [] { return ::pause(); });
        const auto there = [&] {
            const auto found = proxy::find_workload_of(heir_->pid());
            return found && found->directory == cgroup;
        };
        if (!wait_until(there)) throw std::runtime_error("the heir does not join its cgroup");
    }
    const Endpoint& backend() const { return backend_; }

private:
    Endpoint backend_;
    std::unique_ptr<Process> heir_;
};

}  // namespace

TEST_CASE("processes of a threaded child cgroup are found once, by way of the domain above it [E83]",
          "[kernel][cgroup]") {
    Sandbox box("threaded-child", {});
    const ChildCgroup child(box.cgroup().path(), "th", threaded);
    const auto process = idle_in(box, child.path());
    CHECK(times_found(process, box.cgroup().path()) == 1);
}

TEST_CASE("processes of a cgroup that is threaded itself are found by their threads [E83]",
          "[kernel][cgroup]") {
    Sandbox box("threaded-self", {});
    const ChildCgroup child(box.cgroup().path(), "th", threaded);
    const ChildCgroup below(child.path(), "below", threaded);
    const Process processes[] = {idle_in(box, child.path()), idle_in(box, below.path())};
    for (const Process& process : processes) {
        CHECK(times_found(process, child.path()) == 1);
        auto workload = proxy::find_workload_of(process.pid());
        REQUIRE(workload.has_value());
        CHECK(proxy::check_workload(*workload).has_value());
    }
}

TEST_CASE("cgroups that come and go while they are read hide no process of another [E83]",
          "[kernel][cgroup]") {
    Sandbox box("churn", {});
    const ChildCgroup last(box.cgroup().path(), "zz", ChildCgroup::Kind::domain);
    const auto process = idle_in(box, last.path());
    std::atomic<bool> over = false;
    std::atomic<int> removed = 0;
    std::thread churn([&] {
        while (!over) {
            for (const char* name : {"/a", "/a/b", "/c"}) ::mkdir((box.cgroup().path() + name).c_str(), 0755);
            for (const char* name : {"/a/b", "/a", "/c"})
                removed += ::rmdir((box.cgroup().path() + name).c_str()) == 0;
        }
    });
    int missed = 0, rounds = 0;
    for (; rounds < 2000 || removed < 200; ++rounds)
        missed += times_found(process, box.cgroup().path()) != 1 || bpf::cgroup_tree(last.path()).size() != 1;
    over = true;
    churn.join();
    INFO(rounds << " rounds, " << removed << " removed");
    CHECK(missed == 0);
}

TEST_CASE("a threaded child cgroup made before the start hinders neither that nor policies [E83]",
          "[kernel][cgroup]") {
    Sandbox box("threaded-before");
    auto& a = box.host("a");
    const ChildCgroup child(box.cgroup().path(), "th", threaded);
    const auto process = idle_in(box, child.path());
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
    const Inherited socket(box, child.path());
    const auto report = plane.condemn(socket.backend());
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);

    Client past = box.client(Protocol::tcp);
    REQUIRE(past.connect(box.host("c").endpoint()) == 0);
    set_policies(plane, {deny(all_of(box.host("c")))});
    const auto enforced = plane.run(plane.kernel().enforce_policies());
    REQUIRE(enforced.size() == 1);
    CHECK(enforced[0].second.first_failure == "");
    CHECK(past.recv_error() == ECONNABORTED);
}

TEST_CASE("a threaded child cgroup made afterwards hinders no re-point, and not the events [E83]",
          "[kernel][cgroup]") {
    Sandbox box("threaded-after");
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()})});
    const ChildCgroup child(box.cgroup().path(), "th", threaded);
    const Inherited socket(box, child.path());
    auto& from = a.owns(socket.backend()) ? a : b;
    std::vector<Client> owned;
    for (int i = 0; i < 5; ++i) owned.push_back(landing_on(box, from.name(), kVip, Protocol::udp));
    const auto report = plane.condemn(from);
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 6);
    CHECK(plane.pump_until([&] { return plane.kernel().unresolved_sockets() == 0; }));
}

TEST_CASE("a socket that nobody has does not keep those of its life from being re-pointed [E83]",
          "[kernel][cgroup][namespaces]") {
    Sandbox box("threaded-orphan");
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()})});
    const ChildCgroup child(box.cgroup().path(), "th", threaded);
    auto made = SocketMaker(box.cgroup(), box.host("c").machine().net()).make(AF_INET, SOCK_DGRAM);
    REQUIRE(made.error == 0);
    Client orphan(std::move(made.fd));  // no process of the workload is in its network namespace
    REQUIRE(box.spawn([&] { return orphan.connect(kVip); }).wait() == 0);
    auto& from = a.owns(orphan.actual_peer().value()) ? a : b;
    std::vector<Client> owned;
    for (int i = 0; i < 5; ++i) owned.push_back(landing_on(box, from.name(), kVip, Protocol::udp));
    // Resolving goes on for the others of the same round.
    CHECK(plane.pump_until([&] { return plane.kernel().unresolved_sockets() <= 1; }));
    CHECK(plane.condemn(from).repointed >= 5);
}
