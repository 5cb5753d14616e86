// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace reseat::bpf {

/// The name of the command that a process runs now, printable. `pid` is as the programs record it: of the
/// initial PID namespace. Empty: there is no such process, or in our PID namespace its id is another one's.
std::string command_name(std::uint32_t pid);

}  // namespace reseat::bpf
