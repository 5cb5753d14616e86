// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "base/time.hpp"
#include "bpf/sockets/sock_diag.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace reseat::bpf {

/// The network namespaces of the workload, by the cookie that the hooks note; found through its processes.
/// Its own needs no privilege, others CAP_SYS_ADMIN and CAP_SYS_PTRACE. Thread-safe.
class NetNamespaces {
public:
    /// Its own is that of the calling thread. `cgroup`: where the workload's processes are.
    explicit NetNamespaces(std::string cgroup);

    std::uint64_t own() const { return own_; }

    /// A sock_diag channel into the namespace, for one thread, to be let go of before this ends; null: no way
    /// in, `why` says why. `pid`: a process that was in there once, 0: none known.
    std::shared_ptr<SockDiag> channel(std::uint64_t netns, std::uint32_t pid, std::string& why);

    /// One into each namespace that a process of the workload is in, its own first; where there is no way in,
    /// none.
    std::vector<std::shared_ptr<SockDiag>> channels_of_workload();

    /// Calls `function` on a thread that is inside a namespace into which there was a channel; for its own,
    /// here. False: it is not known (any more).
    bool run_inside(std::uint64_t netns, const std::function<void()>& function);

    /// Lets go of namespaces that were not used for half a minute: we would keep them alive.
    void forget_unused();

private:
    struct Entry {
        UniqueFd fd;  ///< the namespace; none for the own one
        std::vector<std::unique_ptr<SockDiag>> free;
        TimePoint used;
    };
    using Entries = std::map<std::uint64_t, Entry>;

    std::unique_ptr<SockDiag> open(std::uint64_t netns, std::uint32_t pid, std::string& why);
    std::unique_ptr<SockDiag> open_by_process(std::uint64_t netns, std::uint32_t pid, std::string& why);
    void give_back(std::uint64_t netns, std::unique_ptr<SockDiag> channel);

    const std::string cgroup_;
    std::uint64_t own_ = 0;
    std::mutex mutex_;
    Entries entries_;
};

}  // namespace reseat::bpf
