// SPDX-License-Identifier: Apache-2.0
#include "bpf/procfs/workload_processes.hpp"

#include "base/read_file.hpp"
#include "bpf/procfs/cgroup_tree.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace reseat::bpf {
namespace {

/// The numbers in a file with one on each line; none where it cannot be read.
std::vector<std::uint32_t> numbers_in(const std::string& path) {
    const auto text = read_file(path);
    return text ? parse_processes(*text) : std::vector<std::uint32_t>();
}

/// Of a thread; 0: it has ended.
std::uint32_t process_of(std::uint32_t thread) {
    const auto status = read_file("/proc/" + std::to_string(thread) + "/status");
    return status ? parse_thread_group(*status) : 0;
}

}  // namespace

std::vector<std::uint32_t> parse_processes(std::string_view text) {
    std::vector<std::uint32_t> pids;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        std::uint32_t pid = 0;
        const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), pid);
        if (fault == std::errc{} && end == line.data() + line.size() && pid != 0) pids.push_back(pid);
    }
    return pids;
}

std::uint32_t parse_thread_group(std::string_view status) {
    constexpr std::string_view kKey = "\nTgid:\t";
    const auto at = status.find(kKey);
    if (at == std::string_view::npos) return 0;
    const auto pids =
        parse_processes(status.substr(at + kKey.size(), status.find('\n', at + 1) - at - kKey.size()));
    return pids.empty() ? 0 : pids.front();
}

std::uint32_t parse_socket_link(std::string_view target) {
    static constexpr std::string_view kind = "socket:[";
    if (!target.starts_with(kind) || !target.ends_with(']')) return 0;
    target.remove_prefix(kind.size());
    target.remove_suffix(1);
    std::uint32_t inode = 0;
    const auto [end, fault] = std::from_chars(target.data(), target.data() + target.size(), inode);
    return fault == std::errc{} && end == target.data() + target.size() ? inode : 0;
}

DescriptorInfo parse_descriptor_info(std::string_view text) {
    const auto number_after = [text](std::string_view key) -> std::uint32_t {
        const auto at = text.find(key);
        if (at == std::string_view::npos || (at > 0 && text[at - 1] != '\n')) return 0;
        const std::string_view line = text.substr(at + key.size(), text.find('\n', at) - at - key.size());
        std::uint32_t number = 0;
        const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), number);
        return fault == std::errc{} && end == line.data() + line.size() ? number : 0;
    };
    return {number_after("mnt_id:\t"), number_after("ino:\t")};
}

std::vector<std::uint32_t> processes_below(const std::string& cgroup) {
    std::vector<std::uint32_t> pids;
    // A threaded cgroup does not list processes: the domain above it does, unless that is above `cgroup`.
    const bool threaded = !read_file(cgroup + "/cgroup.procs");
    for (const std::string& directory : cgroup_tree(cgroup)) {
        auto found = numbers_in(directory + (threaded ? "/cgroup.threads" : "/cgroup.procs"));
        if (threaded) std::ranges::transform(found, found.begin(), process_of);
        pids.insert(pids.end(), found.begin(), found.end());
    }
    std::ranges::sort(pids);
    pids.erase(pids.begin(), std::ranges::find_if(pids, [](std::uint32_t pid) { return pid != 0; }));
    // Clang 14 does not compile that of std::ranges.
    pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
    return pids;
}

}  // namespace reseat::bpf
