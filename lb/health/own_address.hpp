// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"

namespace reseat::lb {

/// Whether the address is one of this machine (of this network namespace): what is sent there does not leave
/// it. Asks the kernel's routes; sends nothing.
bool is_own_address(const Address& address);

}  // namespace reseat::lb
