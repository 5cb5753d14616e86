// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/flow_index.hpp"
#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/sockets/sock_diag.hpp"

#include <span>

namespace reseat::bpf {

/// Fills in source, device and inode of connected UDP sockets, which the connect hook cannot know yet: one
/// dump of the namespace's connected UDP sockets, matched by cookie. Entries whose socket is not connected
/// to the recorded backend (not yet, not any more) are left unresolved. Blocks.
Result<void> resolve_udp(SockDiag& diag, std::span<Flow> flows);

/// The same for flows of one namespace, which is entered. False: it cannot be asked now, which is no reason
/// to leave the others.
bool resolve_udp_in(NetNamespaces& namespaces, std::uint64_t netns, std::span<Flow> flows);

}  // namespace reseat::bpf
