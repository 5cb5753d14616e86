// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/connection.hpp"

#include <memory>
#include <variant>

namespace reseat::lb {

/// Connects, and shakes hands where TLS is asked for. On failure: what that means.
/// Keeps `progress`, which must outlive the connection: its bytes are those of the handshake until that is
/// over, then those of the answer.
Task<std::variant<std::unique_ptr<Connection>, ProbeResult>> connect(const Dial& dial, Progress& progress);

}  // namespace reseat::lb
