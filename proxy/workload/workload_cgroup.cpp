// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload/workload_cgroup.hpp"

#include "bpf/procfs/workload_processes.hpp"
#include "proxy/instance/left_behind.hpp"
#include "proxy/workload/cgroup_mount.hpp"
#include "proxy/workload/workload_watch.hpp"

#include <spdlog/spdlog.h>

#include <fstream>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr auto kPoll = 10ms;
constexpr auto kKillDeadline = 2s;  ///< a killed process may first have to finish a system call

/// Removes the cgroup of a dead process. One that is used stays: rmdir refuses while processes are in it,
/// and an instance that we cannot see (another pid namespace) holds a lock on its directory.
void remove_unused(const std::filesystem::path& directory) {
    const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && ::rmdir(directory.c_str()) == 0)
        spdlog::debug("removed the cgroup {} of a process that is gone", directory.string());
    ::close(descriptor);
}

void signal_all(const std::string& cgroup, int number) {
    for (const std::uint32_t pid : bpf::processes_below(cgroup)) ::kill(static_cast<pid_t>(pid), number);
}

void kill_all(const std::string& cgroup) {
    std::ofstream file(cgroup + "/cgroup.kill");  // Linux 5.14
    if (file << "1" << std::flush) return;
    signal_all(cgroup, SIGKILL);
}

}  // namespace

Result<WorkloadCgroup> WorkloadCgroup::create(const std::string& kind) {
    const auto mount = cgroup_mount();
    if (!mount) return mount.error();
    for (const auto& directory : left_behind(mount->path, kind + "-")) remove_unused(directory);
    const std::string path = mount->path + "/" + kind + "-" + std::to_string(::getpid());
    ::rmdir(path.c_str());  // of an earlier process with our pid
    if (::mkdir(path.c_str(), 0755) != 0)
        return system_error("cannot create the cgroup " + path, errno,
                            errno == EROFS ? ErrorCode::unsupported : ErrorCode::failed);
    const int procs = ::open((path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
    if (procs < 0) {
        const auto error = system_error(path + "/cgroup.procs", errno);
        ::rmdir(path.c_str());
        return error;
    }
    return WorkloadCgroup(path, procs);
}

WorkloadCgroup::WorkloadCgroup(WorkloadCgroup&& other) noexcept
    : path_(std::exchange(other.path_, {})), procs_(std::exchange(other.procs_, -1)) {}

WorkloadCgroup::~WorkloadCgroup() {
    if (path_.empty()) return;
    ::close(procs_);
    const auto deadline = std::chrono::steady_clock::now() + kKillDeadline;
    while (::rmdir(path_.c_str()) != 0 && errno == EBUSY && std::chrono::steady_clock::now() < deadline) {
        kill_all(path_);
        std::this_thread::sleep_for(kPoll);
    }
    if (::access(path_.c_str(), F_OK) == 0)
        spdlog::warn("the cgroup {} could not be removed: a process is left in it", path_);
}

Task<void> WorkloadCgroup::empty(Duration patience) {
    signal_all(path_, SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const auto give_up = deadline + kKillDeadline;
    while (is_populated(path_) && std::chrono::steady_clock::now() < give_up) {
        if (std::chrono::steady_clock::now() >= deadline) kill_all(path_);
        co_await sleep_for(kPoll);
    }
}

}  // namespace reseat::proxy
