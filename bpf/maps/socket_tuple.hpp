// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/abi.h"

#include <cstdint>

namespace reseat::bpf {

/// One socket, exactly.
struct SocketTuple {
    lb_endpoint local{};
    lb_endpoint remote{};
    std::uint64_t cookie = 0;
    std::uint32_t ifindex = 0;  ///< the device it is bound to
};

}  // namespace reseat::bpf
