// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

/// What the fuzzers feed, and the unit ring with their seeds: each takes any bytes, and stops the process
/// when what was promised of them does not hold. One file each; its seeds are in seeds/NAME.
namespace reseat::fuzz {

using Bytes = std::span<const std::uint8_t>;

/// sock_diag's answers.
void diag_message(Bytes input);
/// cgroup.procs, the target of a link in /proc/PID/fd, and a file in /proc/PID/fdinfo.
void proc_text(Bytes input);
/// What a name server sends: the first byte chooses what it was asked for.
void dns_answer(Bytes input);
/// What a Kubernetes API server sends: a line of a watch, a list, or the body of a refusal.
void slice_event(Bytes input);
/// A document or a line of endpoints, and what a process leaves of them to the next.
void endpoint_document(Bytes input);
/// A configuration file.
void configuration(Bytes input);
/// What an HTTP server sends to a check: the first byte says how it is asked and how the stream ends, the
/// second in pieces of how many bytes it comes.
void http_answer(Bytes input);
/// What a gRPC server sends to a check: the first byte says in pieces of how many bytes.
void grpc_answer(Bytes input);
/// What a tcp check looks for: the first two bytes are the lengths of the expected text, which follows, and
/// of the pieces that the rest comes in.
void expectation(Bytes input);
/// What somebody sends to the admin interface: the lowest bit of the first byte says whether over TCP.
void admin_request(Bytes input);

inline void require(bool holds) {
    if (!holds) __builtin_trap();
}

inline std::string_view text_of(Bytes input) {
    return {reinterpret_cast<const char*>(input.data()), input.size()};
}

}  // namespace reseat::fuzz
