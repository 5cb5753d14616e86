// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace reseat::proxy {

/// As many descriptors as we may have: each backend that is checked may take two, and soft limits of 1,024
/// are common.
void raise_descriptor_limit();

}  // namespace reseat::proxy
