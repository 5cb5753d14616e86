// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.hpp"

#include <string>
#include <vector>

namespace reseat::config {

/// The sockets of a network namespace: the text of /proc/net/{tcp,tcp6,udp,udp6}; empty where unknown.
struct ProcNet {
    std::string tcp, tcp6, udp, udp6;
};

/// Reads them from `directory`; a file that cannot be read counts as empty.
ProcNet read_proc_net(const std::string& directory = "/proc/net");

/// Warns of each service address on which something listens (TCP) or is bound (UDP) here already: its
/// clients would be led away from it. A wildcard listener counts for loopback addresses only, as the
/// other addresses of this host are not known. In the order of the file.
std::vector<Diagnostic> warn_local_listeners(const Loaded& loaded, const ProcNet& sockets);

}  // namespace reseat::config
