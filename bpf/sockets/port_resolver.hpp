// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/programs.hpp"
#include "bpf/sockets/net_namespaces.hpp"

#include <boost/asio/thread_pool.hpp>

#include <cstddef>

namespace reseat::bpf {

/// Fills in what the index lacks of connected UDP sockets, shortly after they connected, until cancelled; so
/// that ending or moving them needs no dump. Takes out those that are unconnected before they were ever seen.
/// Works on `pool`, a fiftieth of the time at most. Each round reports how many it left.
Task<void> resolve_ports(const Programs& programs, NetNamespaces& namespaces, asio::thread_pool& pool,
                         std::size_t& left);

}  // namespace reseat::bpf
