// SPDX-License-Identifier: Apache-2.0
#include "bpf/workers/baton.hpp"

#include "base/read_file.hpp"

#include <string>

namespace reseat::bpf {
namespace {

/// Waiting for a lock, which no signal ends. On a busy machine a thread may also be late because others run.
bool sleeps_uninterruptibly(pid_t thread) {
    const auto stat = read_file("/proc/self/task/" + std::to_string(thread) + "/stat");
    const auto name_end = stat ? stat->rfind(") ") : std::string::npos;
    return name_end != std::string::npos && stat->compare(name_end + 2, 1, "D") == 0;
}

}  // namespace

std::uint64_t Baton::waits_in() {
    const std::unique_lock attempt(mutex_, std::try_to_lock);
    return attempt && waits_ && sleeps_uninterruptibly(thread_) ? calls_ : 0;
}

bool Baton::overtake(std::uint64_t call, std::vector<Flow>& on) {
    const std::unique_lock attempt(mutex_, std::try_to_lock);
    if (!attempt || !waits_ || calls_ != call) return false;
    overtaken_ = true;
    on = std::move(on_);
    return true;
}

}  // namespace reseat::bpf
