// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/programs.hpp"
#include "bpf/maps/socket_tuple.hpp"
#include "lb/control/data_plane.hpp"

#include <chrono>
#include <functional>
#include <span>
#include <vector>

namespace reseat::bpf {

/// A socket that was balanced.
struct Flow {
    std::uint64_t cookie = 0;
    lb::LifeId life = 0;
    std::uint64_t netns = 0;  ///< cookie of the network namespace
    lb_endpoint local{};      ///< port 0: not known yet
    lb_endpoint remote{};
    lb_endpoint dialled{};
    std::uint32_t ifindex = 0;         ///< bound device, 0: none
    std::uint32_t pid = 0;             ///< thread group that connected, in the initial pid namespace
    std::uint32_t inode = 0;           ///< of the socket; 0: not known yet
    std::uint32_t fd = 0;              ///< where it was seen in process pid, plus 1: a hint
    std::chrono::nanoseconds since{};  ///< CLOCK_MONOTONIC at which it was filed

    std::uint32_t number = 0;  ///< in the index
    std::uint64_t tag = 0;     ///< in the index; 0: found otherwise

    bool subflow = false;  ///< of Multipath TCP, unless its peer does not speak it

    bool indexed() const { return tag != 0; }
    /// It began to connect elsewhere, which may fail.
    bool left() const { return (tag & LB_TAG_LEFT) != 0; }
    bool is_udp() const;
    std::chrono::nanoseconds age() const;
    bool resolved() const { return local.port_be != 0 && inode != 0; }
    SocketTuple tuple() const {
        return {.local = local, .remote = remote, .cookie = cookie, .ifindex = ifindex};
    }
};

/// A life and where it is in lb_backends.
struct FiledLife {
    std::uint32_t backend = 0;
    lb::LifeId life = 0;
};

/// User space's hand in the index that the programs keep. Thread-safe.
class FlowIndex {
public:
    explicit FlowIndex(const Programs& programs) : programs_(programs) {}

    /// The sockets of a life, which lives in lb_backends[backend]. Costs by them, and 8 bytes are read of
    /// each flow that the index has room for.
    std::vector<Flow> of_life(std::uint32_t backend, lb::LifeId life) const;
    /// Those of several lives at once: costs by the whole index.
    void each_of_lives(std::span<const FiledLife> lives, const std::function<void(Flow)>& visit) const;
    /// Those of all lives. Costs by the whole index.
    void each(const std::function<void(Flow)>& visit) const;
    /// Connected UDP sockets, of any life, whose port or inode is not known yet.
    std::vector<Flow> unresolved() const;

    /// Takes out those that are still filed: they count as open no more.
    void remove(std::span<const Flow> flows) const;
    /// A socket that was connected elsewhere since `flow` was read.
    void remove_left(Flow flow) const;
    /// Keeps what was found out: source, device, inode and descriptor.
    void complete(const Flow& flow) const;

private:
    std::optional<Flow> read(std::uint32_t number) const;

    const Programs& programs_;
};

}  // namespace reseat::bpf
