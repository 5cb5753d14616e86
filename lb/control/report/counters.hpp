// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/service_state.hpp"

#include <array>
#include <cstdint>
#include <string_view>

/// What is counted of backends and services, for the metrics.
namespace reseat::lb {

/// Why sockets were ended or moved, for the counters.
enum class EndReason {
    unreachable,
    refused,
    check_failed,
    unresponsive,
    drain_timeout,
    idle,      ///< during a drain
    operated,  ///< the operator took the backend out of use
    commanded,
    removed,
    ejected,
    recovered,  ///< a level that comes before is in use again
    denied,
    restarted,
    inherited,
    leaving,  ///< says the source of the backend
    unready,  ///< likewise
    replaced,
};
inline constexpr std::size_t kEndReasons = 17;
/// "unreachable", ... "operator", "command", ..., "policy", "restarted", "inherited", ...: as the metrics
/// name it.
std::string_view to_string(EndReason reason);
/// An order of this cause for the backend of `record`.
EndReason end_reason(const BackendRecord& record, EndCause cause);

/// Of a backend, as long as it is known.
struct BackendCounters {
    std::array<std::uint64_t, 7> transitions{};           ///< by Transition::Kind
    std::array<std::uint64_t, kEndReasons> terminated{};  ///< sockets, by EndReason
    std::uint64_t repointed = 0;                          ///< sockets
    std::uint64_t failed = 0;                             ///< vain attempts to end a socket
};

}  // namespace reseat::lb
