// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "config/config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::proxy {

/// A set of capabilities, one bit each (capabilities(7)).
using Capabilities = std::uint64_t;

/// The effective capabilities in the text of a /proc/PID/status ("CapEff:", hexadecimal).
std::optional<Capabilities> parse_effective(std::string_view status);

/// Of this process; empty: /proc does not show them.
std::optional<Capabilities> effective_capabilities();

/// What reseat can do without.
struct OptionalCapability {
    std::string_view name;
    bool held = false;
    std::string_view without;  ///< what is lost: a clause that follows "without it"
};
/// Each of them; CAP_SYS_ADMIN does for CAP_PERFMON.
std::vector<OptionalCapability> optional_capabilities(Capabilities effective);

/// Of what attaching to a cgroup needs, the names that `effective` lacks: CAP_BPF (CAP_SYS_ADMIN does
/// too, capabilities(7)) and CAP_NET_ADMIN.
std::vector<std::string> missing_capabilities(Capabilities effective);

/// "CAP_BPF, CAP_NET_ADMIN", or "none".
std::string names_of(Capabilities set);

/// `unsupported`, naming them, when this process lacks a capability that it needs to balance.
Result<void> require_capabilities();

/// What a sidecar that runs will still do.
struct LaterWork {
    config::ExecChecks exec_checks = config::ExecChecks::refused;
    std::vector<std::string> files;  ///< read again at each reload
    std::string admin_socket;        ///< made, and removed at the end
};

/// Gives up for good, in this thread and those that it starts, every capability that `work` does not need;
/// returns what is kept. Of what is held, these stay: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_PTRACE;
/// CAP_SYS_ADMIN, with which sockets in the workload's other network namespaces are ended like any other;
/// CAP_DAC_READ_SEARCH where a file of the configuration cannot be read without, CAP_DAC_OVERRIDE where the
/// socket's directory cannot be written to without. Commands of exec checks inherit none of them; where they
/// are allowed, what root or a set-user-id program gets when it is started stays as it is, else that goes too
/// (bounding set, no_new_privs). `failed`: the kernel refuses.
Result<Capabilities> drop_privileges(const LaterWork& work);

}  // namespace reseat::proxy
