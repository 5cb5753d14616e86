// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/programs.hpp"
#include "bpf/maps/socket_tuple.hpp"
#include "lb/control/data_plane.hpp"

#include <functional>
#include <span>
#include <vector>

namespace reseat::bpf {

/// One entry of lb_flows.
struct Flow {
    lb_flow_key key{};
    lb_flow value{};
    std::uint32_t drawer = 0;
    bool indexed = true;  ///< false: found otherwise
    bool multipath =
        false;            ///< Multipath TCP: what is filed is a subflow, the application has another socket
    bool hidden = false;  ///< UDP: a lookup of its tuple returns another socket

    lb::LifeId life() const { return key.life & ~LB_FLOW_LEFT; }
    SocketTuple tuple() const {
        return {.local = value.local, .remote = value.remote, .cookie = key.cookie, .ifindex = value.ifindex};
    }
    bool is_udp() const;
    bool may_be_multipath() const { return !is_udp() && value.fd == LB_FD_MULTIPATH; }
    bool resolved() const { return value.local.port_be != 0 && value.inode != 0; }
};

/// A life and where it is in lb_backends.
struct FiledLife {
    std::uint32_t backend = 0;
    lb::LifeId life = 0;
};

/// User space's hand in the index that the programs keep. Thread-safe as the kernel's maps are.
class FlowIndex {
public:
    explicit FlowIndex(const Programs& programs) : programs_(programs) {}

    /// The entries of a life, which lives in lb_backends[backend]. The cost depends on its drawers, not on
    /// all sockets.
    std::vector<Flow> of_life(std::uint32_t backend, lb::LifeId life) const;
    /// The same, one after the other.
    void each_of_life(std::uint32_t backend, lb::LifeId life,
                      const std::function<void(const Flow&)>& visit) const;
    /// Connected UDP sockets, of any life, whose port or inode is not known yet.
    std::vector<Flow> unresolved() const;

    /// Takes out those that are still filed: they count as open no more.
    void remove(std::span<const Flow> flows) const;
    /// A socket that was connected elsewhere since `flow` was read.
    void remove_left(Flow flow) const;
    /// Writes `flow.value` back unless the entry is gone.
    void complete(const Flow& flow) const;

private:
    template <class Visit>
    void walk(std::uint32_t drawer, Visit visit) const;

    const Programs& programs_;
};

}  // namespace reseat::bpf
