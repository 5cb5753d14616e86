// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/service_state.hpp"

#include <optional>
#include <string>
#include <vector>

/// What operators read in the log, word by word.
namespace reseat::lb {

/// "postgres/pg-1"
std::string subject(const ServiceState& state, std::size_t backend);

/// "postgres/pg-1 is DOWN: no answer within 1s (3/3), 2 of 3 backends left" or
/// "postgres/pg-1 is UP: connected (2/2), 3 of 3 backends up".
std::string headline(const ServiceState& state, std::size_t backend, bool healthy, const std::string& reason);

/// "12 sockets terminated, 0 re-pointed in 0.9 ms", and what went wrong.
std::string describe(const TerminationReport& report);

/// What becomes of the sockets of a backend that is down, where no order was given: "draining, 5 sockets
/// open". Empty when there is nothing to say. `open` counts those of the life that the verdict met.
std::string aftermath(const ServiceState& state, std::size_t backend, std::uint64_t open);

/// Said of an order that no verdict of the same moment explains: "drain timed out"; empty for a verdict.
std::string_view because(EndCause cause);

/// A line for each family that has just lost its last eligible backend: who serves it now.
std::vector<std::string> losses(const ServiceState& before, const ServiceState& after);

}  // namespace reseat::lb
