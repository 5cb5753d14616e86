// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "bpf/sockets/sock_diag.hpp"

namespace reseat::bench {

/// What others do to end the TCP sockets that are connected to a backend. They throw std::runtime_error.

/// As an operator would: one ss, with fork and exec.
void kill_with_ss(const Endpoint& backend);

/// As load balancers without an index do: list all TCP sockets, look for those of the backend, end them.
void kill_after_dump(bpf::SockDiag& diag, const Endpoint& backend);

/// The sockets that are connected to the backend.
std::vector<bpf::SocketTuple> sockets_to(bpf::SockDiag& diag, const Endpoint& backend, Protocol protocol);

}  // namespace reseat::bench
