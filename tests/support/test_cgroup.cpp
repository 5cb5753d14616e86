// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_cgroup.hpp"

#include "base/handles.hpp"
#include "tests/support/wait.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace reseat::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "reseat-test-";

/// The pid at the end of "reseat-test-NAME-PID"; 0 for any other name.
pid_t owner_of(const std::string& directory) {
    pid_t pid = 0;
    const auto dash = directory.rfind('-');
    if (directory.starts_with(kPrefix) && dash >= kPrefix.size())
        std::from_chars(directory.data() + dash + 1, directory.data() + directory.size(), pid);
    return pid;
}

void remove_stale(const fs::path& mount) {
    std::error_code ignored;  // another test may be removing the same ones
    std::vector<fs::path> stale;
    for (const auto& entry : fs::directory_iterator(mount, ignored)) {
        const pid_t owner = owner_of(entry.path().filename());
        if (owner > 0 && ::kill(owner, 0) != 0 && errno == ESRCH) stale.push_back(entry.path());
    }
    for (const auto& path : stale) remove_cgroup(path);
}

void kill_members(const fs::path& cgroup) {
    std::ifstream members(cgroup / "cgroup.procs");
    for (pid_t pid; members >> pid;)
        if (pid > 1 && pid != ::getpid()) ::kill(pid, SIGKILL);
}

/// One attempt, children first. True when it is gone.
bool try_remove(const fs::path& cgroup) {
    std::error_code ignored;
    std::vector<fs::path> children;
    for (const auto& entry : fs::directory_iterator(cgroup, ignored))
        if (entry.is_directory(ignored)) children.push_back(entry.path());
    for (const auto& child : children) try_remove(child);
    kill_members(cgroup);
    return ::rmdir(cgroup.c_str()) == 0 || errno == ENOENT;
}

}  // namespace

std::string cgroup2_mount() {
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
        const auto separator = line.find(" - ");  // proc(5): optional fields end there, the type follows
        if (separator == std::string::npos || !line.substr(separator + 3).starts_with("cgroup2 ")) continue;
        std::istringstream fields(line);
        std::string id, parent, device, root, mount_point;
        fields >> id >> parent >> device >> root >> mount_point;
        return mount_point;
    }
    throw std::runtime_error("cgroup2 is not mounted");
}

TestCgroup::TestCgroup(const std::string& name) {
    const fs::path mount = cgroup2_mount();
    remove_stale(mount);
    path_ = mount / (std::string(kPrefix) + name + "-" + std::to_string(::getpid()));
    if (::mkdir(path_.c_str(), 0755) != 0)
        throw std::system_error(errno, std::generic_category(), "make the cgroup " + path_);
}

TestCgroup::~TestCgroup() {
    remove_cgroup(path_);
}

void join_cgroup(const std::string& path) {
    const std::string file = path + "/cgroup.procs";
    const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd || ::write(fd.get(), "0", 1) != 1)
        throw std::system_error(errno, std::generic_category(), "join the cgroup " + path);
}

bool remove_cgroup(const std::string& path) {
    return wait_until([&] { return try_remove(path); }, std::chrono::seconds(10));
}

}  // namespace reseat::test
