// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/diag_message.hpp"
#include "bpf/workload_processes.hpp"
#include "lb/discovery/name_state.hpp"
#include "proxy/discovery/dns_answer.hpp"

#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

/// What the fuzzers feed, and the unit ring with their seeds.
namespace reseat::fuzz {

using Bytes = std::span<const std::uint8_t>;

/// An answer of sock_diag.
inline void diag_message(Bytes input) {
    std::vector<std::uint32_t> aligned((input.size() + 3) / 4);
    if (!input.empty()) std::memcpy(aligned.data(), input.data(), input.size());
    std::size_t seen = 0;
    bpf::read_diag_messages({reinterpret_cast<const std::uint8_t*>(aligned.data()), input.size()}, 6,
                            [&](const bpf::DiagMessage& message) {
                                seen += message.socket.state + static_cast<unsigned>(message.kind);
                                if (message.error < 0 || message.error >= 4096) __builtin_trap();
                                if (message.socket.state > 31) __builtin_trap();
                            });
    if (seen > 64 * (input.size() + 1)) __builtin_trap();
}

/// cgroup.procs, the target of a link in /proc/PID/fd, and a file in /proc/PID/fdinfo.
inline void proc_text(Bytes input) {
    const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
    for (const std::uint32_t pid : bpf::parse_processes(text))
        if (pid == 0) __builtin_trap();
    bpf::parse_socket_link(text);
    bpf::parse_descriptor_info(text);
}

/// What a name server sends: the first byte chooses what it was asked for.
inline void dns_answer(Bytes input) {
    if (input.empty()) return;
    const auto query = static_cast<proxy::Query>(input[0] % 3);
    const lb::Found found = proxy::read_answer(query, 0, input.subspan(1));
    if (found.outcome == lb::Found::Outcome::records && found.addresses.empty() && found.srv.empty())
        __builtin_trap();
    if (found.outcome != lb::Found::Outcome::records && found.reason.empty()) __builtin_trap();
    if (found.addresses.size() + found.srv.size() > input.size()) __builtin_trap();
    lb::NameState state{lb::TimePoint{}};
    lb::Answer answer{found};
    if (query != proxy::Query::srv) answer.push_back(found);
    state.asked();
    state.on_answer(std::move(answer), lb::TimePoint{}, {}, 0);
    if (state.addresses().size() > lb::kMaxNameAddresses || state.srv().size() > lb::kMaxSrvTargets)
        __builtin_trap();
    if (state.next() < lb::TimePoint{} + lb::kMinTtl * 4 / 5) __builtin_trap();
}

}  // namespace reseat::fuzz
