// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace reseat::proxy {

/// As many descriptors as we may have: soft limits of 1,024 are common.
void raise_descriptor_limit();

/// How many descriptors this process may have.
std::size_t descriptor_limit();

/// How many probes other than commands may be under way at once.
inline constexpr unsigned kProbesAtOnce = 1'000;

/// How many backends can be checked with `descriptors`: each may have an idle connection (watch), at most
/// kProbesAtOnce are probed at the same time, and 256 are for all the rest.
std::size_t checkable_backends(std::size_t descriptors);

}  // namespace reseat::proxy
