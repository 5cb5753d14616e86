// SPDX-License-Identifier: Apache-2.0
#include "proxy/privileges.hpp"

#include "proxy/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include <linux/capability.h>

namespace reseat::proxy {
namespace {

constexpr unsigned kCapBpf = 39;  ///< newer than some user space headers

bool has(std::uint64_t set, unsigned capability) {
    return (set >> capability & 1) != 0;
}

}  // namespace

std::optional<std::uint64_t> parse_effective(std::string_view status) {
    constexpr std::string_view kKey = "CapEff:\t";
    for (const auto line : split(status, '\n')) {
        if (!line.starts_with(kKey)) continue;
        const auto digits = line.substr(kKey.size());
        std::uint64_t set = 0;
        const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
        if (fault == std::errc{} && end == digits.data() + digits.size()) return set;
    }
    return std::nullopt;
}

std::vector<std::string> missing_capabilities(std::uint64_t effective) {
    std::vector<std::string> missing;
    if (!has(effective, kCapBpf) && !has(effective, CAP_SYS_ADMIN)) missing.emplace_back("CAP_BPF");
    if (!has(effective, CAP_NET_ADMIN)) missing.emplace_back("CAP_NET_ADMIN");
    return missing;
}

lb::Result<void> require_capabilities() {
    const auto status = read_file("/proc/self/status");
    const auto effective = status ? parse_effective(*status) : std::nullopt;
    if (!effective) return {};  // cannot tell: the kernel will
    const auto missing = missing_capabilities(*effective);
    if (missing.empty()) return {};
    return lb::Error{lb::ErrorCode::unsupported,
                     fmt::format("{} missing, needed to attach to a cgroup: run as root, or grant CAP_BPF, "
                                 "CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_PTRACE",
                                 fmt::join(missing, " and "))};
}

}  // namespace reseat::proxy
