// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/stage.hpp"

namespace reseat::bench {

/// connect + echo + close, over and over, in a process that is told when: so that blocks of different kinds
/// can alternate within milliseconds.
class Talker {
public:
    static constexpr unsigned kWarmUp = 3;  ///< before each block
    struct Order {
        Endpoint to;
        Protocol protocol = Protocol::tcp;
        unsigned times = 0;
    };

    Talker(const Stage& stage, bool in_workload);

    /// Nanoseconds for the whole block, kWarmUp not counted. Throws std::runtime_error when one failed.
    std::int64_t run(const Order& order) const;

private:
    Channel channel_;
    Process process_;
};

/// Once: the first letter of the server's name, 0 when there was no answer (errno tells why).
char talk_once(const test::SocketAddress& to, int type, std::int64_t* connected_at = nullptr);

}  // namespace reseat::bench
