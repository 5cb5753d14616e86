// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::proxy {

/// The effective capabilities in the text of a /proc/PID/status ("CapEff:", hexadecimal).
std::optional<std::uint64_t> parse_effective(std::string_view status);

/// Of what attaching to a cgroup needs, the names that `effective` lacks: CAP_BPF (CAP_SYS_ADMIN does
/// too, capabilities(7)) and CAP_NET_ADMIN.
std::vector<std::string> missing_capabilities(std::uint64_t effective);

/// `unsupported`, naming them, when this process lacks a capability that it needs to balance.
lb::Result<void> require_capabilities();

}  // namespace reseat::proxy
