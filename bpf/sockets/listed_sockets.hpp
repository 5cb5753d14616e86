// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/flow_index.hpp"
#include "lb/control/data_plane.hpp"

#include <deque>
#include <vector>

namespace reseat::bpf {

/// The sockets that the index has for these lives, for people to look at. Costs by the whole index, and reads
/// one file of /proc for each process.
std::deque<lb::SocketInfo> list_sockets(const Programs& programs, const std::vector<FiledLife>& lives);

}  // namespace reseat::bpf
