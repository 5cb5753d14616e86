// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/terminate/engine.hpp"

#include <optional>

namespace reseat::bpf {

/// The engines that work here, best first, each tried on a loopback test socket that it must
/// find and end: one that silently lists nothing does not work. A few milliseconds. The iterator engine,
/// which looks at all sockets of the namespace, is tried only where SOCK_DESTROY does not work. `only`: this
/// one or an error.
Result<std::vector<std::shared_ptr<const TerminationEngine>>> available_engines(
    const std::shared_ptr<const Programs>& programs, const std::shared_ptr<NetNamespaces>& namespaces,
    const std::string& cgroup, std::optional<Engine> only);

}  // namespace reseat::bpf
