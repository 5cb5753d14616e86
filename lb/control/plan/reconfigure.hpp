// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/service_state.hpp"

#include <cstddef>
#include <optional>
#include <vector>

/// What a new configuration makes of the state of a service. State is kept by the backend's address.
namespace reseat::lb {

/// A state whose backends are others than before.
struct Reconfigured {
    ServiceState state;
    /// For each of its backends, which one of the former state it was.
    std::vector<std::optional<std::size_t>> origins;
};

/// Backends that left stay, as removing, while the data plane knows lives of theirs. One that comes back goes
/// on where it was; where another incarnation has the address, the lives of the one before end at once, and
/// the backend begins anew. The operator's settings apply unless the configuration now says something else
/// than before.
Reconfigured reconfigure(const ServiceState& before, const Service& configured);

/// The service left: it has no addresses, and all its backends are being removed.
Reconfigured remove(const ServiceState& before);

/// Without the backends that are gone; nothing: none is.
std::optional<Reconfigured> forget_gone(const ServiceState& before);

/// A service of which a previous process left `spec`, `lives` (in any order) and `overrides` behind: what
/// served is taken to be up, what did not is down until its first check. Of two lives of one backend the
/// newer is kept. `configured` null: it left the configuration.
ServiceState inherit(const Service* configured, const ServiceSpec& spec, std::vector<Inheritance::Life> lives,
                     std::vector<OperatorOverride> overrides = {});

}  // namespace reseat::lb
