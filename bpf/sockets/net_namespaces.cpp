// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/net_namespaces.hpp"

#include "bpf/procfs/workload_processes.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

namespace reseat::bpf {
namespace {

constexpr auto kKeep = std::chrono::seconds(30);

UniqueFd namespace_of(std::uint32_t pid) {
    return UniqueFd(open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
}

/// On a thread of its own, which ends there: no other thread ever is in a foreign namespace.
/// errno of entering.
int call_inside(int netns, const std::function<void()>& function) {
    int error = 0;
    const auto enter = [&] {
        if (setns(netns, CLONE_NEWNET) != 0)
            error = errno;
        else
            function();
    };
    try {
        std::thread(enter).join();
    } catch (const std::system_error& no_thread) {  // the workload's own limit of processes, say
        error = no_thread.code().value();
    }
    return error;
}

}  // namespace

NetNamespaces::NetNamespaces(std::string cgroup) : cgroup_(std::move(cgroup)) {
    auto channel = SockDiag::open();
    if (!channel) return;
    own_ = channel->netns();
    Entry& entry = entries_[own_];
    entry.free.push_back(std::make_unique<SockDiag>(std::move(*channel)));
}

std::shared_ptr<SockDiag> NetNamespaces::channel(std::uint64_t netns, std::uint32_t pid, std::string& why) {
    std::unique_ptr<SockDiag> taken;
    {
        const std::lock_guard lock(mutex_);
        const auto entry = entries_.find(netns);
        if (entry != entries_.end() && !entry->second.free.empty()) {
            taken = std::move(entry->second.free.back());
            entry->second.free.pop_back();
            entry->second.used = std::chrono::steady_clock::now();
        }
    }
    if (!taken) taken = open(netns, pid, why);
    if (!taken) return nullptr;
    return {taken.release(),
            [this, netns](SockDiag* channel) { give_back(netns, std::unique_ptr<SockDiag>(channel)); }};
}

void NetNamespaces::give_back(std::uint64_t netns, std::unique_ptr<SockDiag> channel) {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(netns);
    if (entry == entries_.end()) return;
    entry->second.used = std::chrono::steady_clock::now();
    entry->second.free.push_back(std::move(channel));
}

std::unique_ptr<SockDiag> NetNamespaces::open(std::uint64_t netns, std::uint32_t pid, std::string& why) {
    std::unique_ptr<SockDiag> opened;
    auto open_here = [&] {
        auto channel = SockDiag::open();
        if (channel)
            opened = std::make_unique<SockDiag>(std::move(*channel));
        else
            why = channel.error().message;
    };
    if (run_inside(netns, open_here)) return opened;
    if (pid)
        if (auto channel = open_by_process(netns, pid, why)) return channel;
    std::set<ino_t> tried;
    for (const std::uint32_t candidate : processes_below(cgroup_)) {
        struct stat its = {};
        const UniqueFd fd = namespace_of(candidate);
        if (!fd || fstat(fd.get(), &its) != 0 || !tried.insert(its.st_ino).second) continue;
        if (auto channel = open_by_process(netns, candidate, why)) return channel;
    }
    if (why.empty()) why = "no process of the workload is in the socket's network namespace";
    return nullptr;
}

std::unique_ptr<SockDiag> NetNamespaces::open_by_process(std::uint64_t netns, std::uint32_t pid,
                                                         std::string& why) {
    UniqueFd fd = namespace_of(pid);
    if (!fd) return nullptr;
    std::unique_ptr<SockDiag> opened;
    const int error = call_inside(fd.get(), [&] {
        if (auto channel = SockDiag::open(); channel && channel->netns() == netns)
            opened = std::make_unique<SockDiag>(std::move(*channel));
    });
    if (error) why = std::string("enter the socket's network namespace: ") + std::strerror(error);
    if (!opened) return nullptr;
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[netns];
    entry.fd = std::move(fd);
    entry.used = std::chrono::steady_clock::now();
    return opened;
}

std::vector<std::shared_ptr<SockDiag>> NetNamespaces::channels_of_workload() {
    std::vector<std::shared_ptr<SockDiag>> channels;
    std::string why;
    if (auto ours = channel(own_, 0, why)) channels.push_back(std::move(ours));
    std::set<ino_t> seen;
    for (const std::uint32_t process : processes_below(cgroup_)) {
        struct stat its = {};
        const UniqueFd fd = namespace_of(process);
        if (!fd || fstat(fd.get(), &its) != 0 || !seen.insert(its.st_ino).second) continue;
        std::uint64_t netns = 0;
        call_inside(fd.get(), [&] {
            if (auto inside = SockDiag::open()) netns = inside->netns();
        });
        if (!netns || netns == own_) continue;
        if (auto theirs = channel(netns, process, why)) channels.push_back(std::move(theirs));
    }
    return channels;
}

bool NetNamespaces::run_inside(std::uint64_t netns, const std::function<void()>& function) {
    if (netns == own_) {
        function();
        return true;
    }
    UniqueFd fd;
    {
        const std::lock_guard lock(mutex_);
        const auto entry = entries_.find(netns);
        if (entry == entries_.end()) return false;
        fd.reset(fcntl(entry->second.fd.get(), F_DUPFD_CLOEXEC, 0));
    }
    return fd && call_inside(fd.get(), function) == 0;
}

void NetNamespaces::forget_unused() {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_,
                  [&](const auto& entry) { return entry.first != own_ && now - entry.second.used > kKeep; });
}

}  // namespace reseat::bpf
