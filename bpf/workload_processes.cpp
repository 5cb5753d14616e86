// SPDX-License-Identifier: Apache-2.0
#include "bpf/workload_processes.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace reseat::bpf {

namespace fs = std::filesystem;

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
    auto read = [&pids](const fs::path& directory) {
        std::ifstream procs(directory / "cgroup.procs");
        const std::string text{std::istreambuf_iterator<char>(procs), {}};
        const auto found = parse_processes(text);
        pids.insert(pids.end(), found.begin(), found.end());
    };
    read(cgroup);
    std::error_code gone;
    for (fs::recursive_directory_iterator entry(cgroup, gone), end; entry != end && !gone;
         entry.increment(gone))
        if (entry->is_directory(gone)) read(entry->path());
    return pids;
}

}  // namespace reseat::bpf
