// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/privileges.hpp"

#include "base/read_file.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

constexpr unsigned kCapPerfmon = 38, kCapBpf = 39;  ///< newer than some user space headers

constexpr Capabilities bit(unsigned capability) {
    return Capabilities{1} << capability;
}

/// What this file may speak of.
constexpr std::array<std::pair<unsigned, std::string_view>, 7> kNames = {
    {{kCapBpf, "CAP_BPF"},
     {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
     {kCapPerfmon, "CAP_PERFMON"},
     {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
     {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
     {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
     {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"}}};

/// Maps grow and programs are replaced (BPF), sockets are ended (NET_ADMIN) or found by iterators (PERFMON),
/// descriptors are taken (SYS_PTRACE), network namespaces entered (SYS_ADMIN).
constexpr Capabilities kNeeded =
    bit(kCapBpf) | bit(CAP_NET_ADMIN) | bit(kCapPerfmon) | bit(CAP_SYS_PTRACE) | bit(CAP_SYS_ADMIN);

bool has(Capabilities set, unsigned capability) {
    return (set & bit(capability)) != 0;
}

/// The calling thread's: there is no library call for these.
struct Sets {
    Capabilities effective = 0, permitted = 0, inheritable = 0;
};

Result<Sets> current() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
    if (::syscall(SYS_capget, &header, data.data()) != 0) return system_error("capget", errno);
    const auto whole = [&](auto part) { return Capabilities{data[1].*part} << 32 | data[0].*part; };
    return Sets{whole(&__user_cap_data_struct::effective), whole(&__user_cap_data_struct::permitted),
                whole(&__user_cap_data_struct::inheritable)};
}

Result<void> set(const Sets& sets) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
    for (std::size_t i = 0; i < data.size(); ++i) {
        const auto part = [i](Capabilities whole) { return static_cast<__u32>(whole >> (32 * i)); };
        data[i] = {part(sets.effective), part(sets.permitted), part(sets.inheritable)};
    }
    if (::syscall(SYS_capset, &header, data.data()) != 0) return system_error("capset", errno);
    return {};
}

bool forbidden(const std::string& path, int access) {
    return ::faccessat(AT_FDCWD, path.c_str(), access, AT_EACCESS) != 0 && errno == EACCES;
}

/// The directory of `path`, or what there is of it.
std::string existing_directory(const std::string& path) {
    std::error_code ignored;
    auto directory = std::filesystem::absolute(path, ignored).parent_path();
    while (directory.has_relative_path() && !std::filesystem::exists(directory, ignored))
        directory = directory.parent_path();
    return directory;
}

/// Tried out: those that are not needed are put aside meanwhile.
Result<Capabilities> find_needed(const Sets& held, const LaterWork& work) {
    Capabilities keep = held.permitted & kNeeded;
    if (const auto tried = set({keep, held.permitted, held.inheritable}); !tried) return tried.error();
    if (std::ranges::any_of(work.files, [](const auto& file) { return forbidden(file, R_OK); }))
        keep |= held.permitted & bit(CAP_DAC_READ_SEARCH);
    if (!work.admin_socket.empty() && forbidden(existing_directory(work.admin_socket), W_OK | X_OK))
        keep |= held.permitted & bit(CAP_DAC_OVERRIDE);
    if (const auto back = set(held); !back) return back.error();
    return keep;
}

/// For what this process may start: nothing that it does not hold itself.
void close_the_way_back(const Sets& held, Capabilities keep) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!has(held.effective, CAP_SETPCAP)) return;  // it was taken away with the bounds set
    for (unsigned capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
        if (!has(keep, capability)) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

}  // namespace

std::optional<Capabilities> parse_effective(std::string_view status) {
    constexpr std::string_view kKey = "CapEff:\t";
    for (const auto line : split(status, '\n')) {
        if (!line.starts_with(kKey)) continue;
        const auto digits = line.substr(kKey.size());
        Capabilities set = 0;
        const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
        if (fault == std::errc{} && end == digits.data() + digits.size()) return set;
    }
    return std::nullopt;
}

std::vector<std::string> missing_capabilities(Capabilities effective) {
    std::vector<std::string> missing;
    if (!has(effective, kCapBpf) && !has(effective, CAP_SYS_ADMIN)) missing.emplace_back("CAP_BPF");
    if (!has(effective, CAP_NET_ADMIN)) missing.emplace_back("CAP_NET_ADMIN");
    return missing;
}

std::vector<OptionalCapability> optional_capabilities(Capabilities effective) {
    return {{"CAP_PERFMON", has(effective, kCapPerfmon) || has(effective, CAP_SYS_ADMIN),
             "reseat does not run before Linux 6.18; on newer kernels, sockets that do not fit into the "
             "index are not found; open sockets that a policy denies or that are older than reseat are not "
             "terminated; Multipath TCP and causes of failed connects are not observed; commands of exec "
             "checks inside the balanced cgroup are balanced"},
            {"CAP_SYS_PTRACE", has(effective, CAP_SYS_PTRACE),
             "connected UDP sockets are terminated instead of re-pointed, and Multipath TCP sockets are "
             "notified late"},
            {"CAP_SYS_ADMIN", has(effective, CAP_SYS_ADMIN),
             "sockets in other network namespaces of the workload are terminated through their descriptors "
             "(CAP_SYS_PTRACE) and not re-pointed; workloads in one network namespace do not need it"}};
}

std::string names_of(Capabilities set) {
    std::vector<std::string_view> names;
    for (const auto& [capability, name] : kNames)
        if (has(set, capability)) names.push_back(name);
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::optional<Capabilities> effective_capabilities() {
    const auto status = read_file("/proc/self/status");
    return status ? parse_effective(*status) : std::nullopt;
}

Result<void> require_capabilities() {
    const auto effective = effective_capabilities();
    if (!effective) return {};  // cannot tell: the kernel will
    const auto missing = missing_capabilities(*effective);
    if (missing.empty()) return {};
    return Error{ErrorCode::unsupported,
                 fmt::format("{} missing, needed to attach to a cgroup: run as root, or grant CAP_BPF, "
                             "CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_PTRACE",
                             fmt::join(missing, " and "))};
}

Result<Capabilities> drop_privileges(const LaterWork& work) {
    const auto held = current();
    if (!held) return held.error();
    const auto keep = find_needed(*held, work);
    if (!keep) return keep;
    if (work.exec_checks == config::ExecChecks::refused) close_the_way_back(*held, *keep);
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (const auto dropped = set({.effective = *keep, .permitted = *keep, .inheritable = 0}); !dropped)
        return dropped.error();
    return keep;
}

}  // namespace reseat::proxy
