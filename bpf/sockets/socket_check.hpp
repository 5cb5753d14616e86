// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/abi_look.h"
#include "bpf/maps/flow_index.hpp"
#include "bpf/maps/mapped_array.hpp"

#include <memory>
#include <mutex>
#include <span>
#include <vector>

struct look_bpf;

namespace reseat::bpf {

/// A look at sockets of the calling thread's network namespace, for much less than asking sock_diag: no
/// message is made of each. Thread-safe.
class SocketCheck {
public:
    /// Null where the kernel or our capabilities do not allow it: then sock_diag is asked.
    static std::unique_ptr<SocketCheck> load(int owner_map);
    ~SocketCheck();
    SocketCheck(const SocketCheck&) = delete;

    /// Which of these are known to be connected as they are filed, in a state in which they may be ended, as
    /// part of their life. Of the others nothing is known: they may be bound to a device, or hidden behind a
    /// twin. The caller that ends them verifies the cookie. Takes no lock of any socket.
    std::vector<bool> live(std::span<const Flow> flows);

private:
    SocketCheck(look_bpf* skeleton, MappedArray<lb_look> looks)
        : skeleton_(skeleton), looks_(std::move(looks)) {}
    bool run() const;

    look_bpf* skeleton_;
    std::mutex mutex_;  ///< of looks_
    MappedArray<lb_look> looks_;
};

}  // namespace reseat::bpf
