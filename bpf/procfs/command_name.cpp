// SPDX-License-Identifier: Apache-2.0
#include "bpf/procfs/command_name.hpp"

#include "base/printable.hpp"
#include "base/read_file.hpp"

#include <sys/stat.h>

namespace reseat::bpf {
namespace {

bool in_initial_pid_namespace() {
    constexpr ino_t kInitial = 0xEFFFFFFC;  // PROC_PID_INIT_INO, include/linux/proc_ns.h
    struct stat about = {};
    return ::stat("/proc/self/ns/pid", &about) == 0 && about.st_ino == kInitial;
}

}  // namespace

std::string command_name(std::uint32_t pid) {
    static const bool ids_are_ours = in_initial_pid_namespace();
    if (!ids_are_ours) return "";
    auto name = read_file("/proc/" + std::to_string(pid) + "/comm");
    if (!name) return "";
    if (name->ends_with('\n')) name->pop_back();
    return printable(*name);
}

}  // namespace reseat::bpf
