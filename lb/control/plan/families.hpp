// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/service_state.hpp"

namespace reseat::lb {

/// Clients may dial the other family of addresses as well, and a backend is eligible there: one that is
/// refused in this family finds its way (RFC 8305, Happy Eyeballs).
bool other_family_serves(const ServiceState& state, Family family);

}  // namespace reseat::lb
