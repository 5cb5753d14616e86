// SPDX-License-Identifier: Apache-2.0
#include "bpf/procfs/workload_processes.hpp"
#include "tests/fuzz/targets.hpp"

namespace reseat::fuzz {

void proc_text(Bytes input) {
    for (const std::uint32_t pid : bpf::parse_processes(text_of(input))) require(pid != 0);
    bpf::parse_thread_group(text_of(input));
    bpf::parse_socket_link(text_of(input));
    bpf::parse_descriptor_info(text_of(input));
}

}  // namespace reseat::fuzz
