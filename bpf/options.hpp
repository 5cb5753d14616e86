// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::bpf {

/// How sockets are ended; see bpf/terminate/.
enum class Engine { tuple, diag, iterator, descriptor };
std::string_view to_string(Engine engine);

struct KernelOptions {
    // To begin with: a plan that needs more makes it more.
    std::uint32_t max_services = 64;   ///< each protocol by itself; and as many service addresses
    std::uint32_t max_backends = 512;  ///< lives at one time
    std::uint32_t max_slots = 32'768;  ///< of all selection tables, and of those that were just replaced
    // The index of sockets grows to as many chunks; 144 bytes for each socket that there is room for, and 12
    // for each that there may be.
    std::uint32_t index_chunk = 4096;  ///< sockets, a power of two
    std::uint32_t index_chunks = 4;    ///< to begin with
    std::uint32_t most_index_chunks = 64;
    std::string pin;                    ///< directory in a bpffs; empty: nothing outlives this process
    bool refuse_mptcp = false;          ///< socket(IPPROTO_MPTCP) fails with EPROTONOSUPPORT
    std::optional<Engine> only_engine;  ///< for tests and debugging: no other one ends sockets
    /// For tests: writes maps as a later version might, with so many bytes more in each lb_backend, and a
    /// counter more.
    std::uint32_t pretend_later_version = 0;
};

/// `options` with room for the services of this configuration twice over.
KernelOptions sized_for(KernelOptions options, const std::vector<lb::Service>& services);

}  // namespace reseat::bpf
