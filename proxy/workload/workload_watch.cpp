// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload/workload_watch.hpp"

#include "base/path_watch.hpp"
#include "base/race.hpp"
#include "base/read_file.hpp"
#include "base/text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

/// Without inotify; and of an empty cgroup, which alone can be removed: where another mount namespace's mount
/// shows it, nothing reports that, as the directory above is out of reach.
constexpr Duration kLooksOften = 1s;
constexpr Duration kBackstop = 30s;  ///< for a directory on the way that we may not watch

Task<bool> something_happens(PathWatch& watch) {
    co_await watch.wait();
    co_return true;
}

std::unique_ptr<PathWatch> watch_events_of(asio::any_io_executor executor, const std::string& cgroup) {
    try {
        return std::make_unique<PathWatch>(std::move(executor), cgroup + "/cgroup.events");
    } catch (const std::system_error& failure) {
        spdlog::warn(
            "{}: the workload's cgroup is polled every second instead; raise "
            "fs.inotify.max_user_instances",
            failure.what());
        return nullptr;
    }
}

}  // namespace

std::optional<Duration> IdleClock::on_look(bool populated, TimePoint now) {
    if (populated || limit_ == Duration::zero()) {
        empty_since_.reset();
        return std::nullopt;
    }
    if (!empty_since_) empty_since_ = now;
    return std::max(limit_ - (now - *empty_since_), Duration::zero());
}

bool is_populated(const std::string& cgroup) {
    const auto events = read_file(cgroup + "/cgroup.events");
    return events && events->find("populated 1") != std::string::npos;
}

namespace {

/// A removed cgroup whose directory a process holds open still has an inode, but no files.
bool is_there(const std::string& cgroup, ino_t inode) {
    struct stat now = {};
    return ::stat(cgroup.c_str(), &now) == 0 && now.st_ino == inode &&
           ::access((cgroup + "/cgroup.procs").c_str(), F_OK) == 0;
}

}  // namespace

Task<WorkloadEnd> workload_end(std::string cgroup, Duration idle) {
    const auto watch = watch_events_of(co_await asio::this_coro::executor, cgroup);
    IdleClock clock(idle);
    struct stat first = {};
    if (::stat(cgroup.c_str(), &first) != 0) co_return WorkloadEnd::removed;
    while (is_there(cgroup, first.st_ino)) {
        const bool populated = is_populated(cgroup);
        const auto left = clock.on_look(populated, std::chrono::steady_clock::now());
        if (left == Duration::zero()) co_return WorkloadEnd::idle;
        const auto pause = std::min(watch && populated ? kBackstop : kLooksOften, left.value_or(kBackstop));
        if (!watch)
            co_await sleep_for(pause);
        else if (co_await with_timeout(pause, something_happens(*watch)))
            watch->take();
    }
    co_return WorkloadEnd::removed;
}

}  // namespace reseat::proxy
