// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/programs.hpp"
#include "lb/control/data_plane.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace reseat::bpf {

/// A life and where it is in lb_backends.
struct FiledLife {
    std::uint32_t backend = 0;
    lb::LifeId life = 0;
};

/// The sockets that the index has for these lives, for people to look at. Costs by their drawers, and reads
/// one file of /proc for each process.
std::deque<lb::SocketInfo> list_sockets(const Programs& programs, const std::vector<FiledLife>& lives);

}  // namespace reseat::bpf
