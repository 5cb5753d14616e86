// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload/cgroup_mount.hpp"

#include "base/read_file.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <filesystem>

namespace reseat::proxy {
namespace {

/// mountinfo writes space, tab, newline and backslash as three octal digits (proc(5)).
std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            out +=
                static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

/// "id parent major:minor ROOT PATH options [tags...] - TYPE source options" (proc(5)).
std::optional<CgroupMount> parse_mount(std::string_view line) {
    const auto words = split(line, ' ');
    std::size_t dash = 6;
    while (dash < words.size() && words[dash] != "-") ++dash;
    if (dash + 1 >= words.size() || words[dash + 1] != "cgroup2") return std::nullopt;
    return CgroupMount{.path = unescape(words[4]), .root = unescape(words[3])};
}

}  // namespace

std::vector<CgroupMount> parse_cgroup_mounts(std::string_view text) {
    std::vector<CgroupMount> mounts;
    for (const auto line : split(text, '\n'))
        if (auto mount = parse_mount(line)) mounts.push_back(std::move(*mount));
    return mounts;
}

std::optional<std::string> parse_process_cgroup(std::string_view text) {
    for (const auto line : split(text, '\n'))
        if (line.starts_with("0::/")) return std::string(line.substr(3));
    return std::nullopt;
}

std::optional<std::string> below(std::string_view root, std::string_view cgroup) {
    if (root == "/") root = "";
    if (cgroup == "/") cgroup = "";
    if (!cgroup.starts_with(root)) return std::nullopt;
    std::string_view rest = cgroup.substr(root.size());
    if (rest.empty()) return "";
    // "/a" does not show "/ab", nor "/.." what is at "/../..".
    if (rest.front() != '/' || rest == "/.." || rest.starts_with("/../")) return std::nullopt;
    return std::string(rest.substr(1));
}

std::string join(const std::string& directory, const std::string& relative) {
    return relative.empty() ? directory : (std::filesystem::path(directory) / relative).string();
}

Result<std::vector<CgroupMount>> cgroup_mounts() {
    const auto mountinfo = read_file("/proc/self/mountinfo");
    if (!mountinfo) return mountinfo.error();
    return parse_cgroup_mounts(*mountinfo);
}

Result<CgroupMount> cgroup_mount() {
    const auto mounts = cgroup_mounts();
    if (!mounts) return mounts.error();
    const auto whole = std::ranges::find(*mounts, "/", &CgroupMount::root);
    if (whole != mounts->end()) return *whole;
    if (!mounts->empty()) return mounts->front();
    return Error{ErrorCode::unsupported,
                 "no cgroup2 is mounted: mount one (mount -t cgroup2 none /sys/fs/cgroup/unified), or in a "
                 "container mount the host's /sys/fs/cgroup"};
}

bool is_root_cgroup(const std::string& directory) {
    // Only the root has no cgroup.type (cgroup-v2.rst).
    return !std::filesystem::exists(directory + "/cgroup.type");
}

}  // namespace reseat::proxy
