// SPDX-License-Identifier: Apache-2.0
#include "bpf/procfs/capability.hpp"

#include <array>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::bpf {

bool is_trusted_by_verifier() {
    constexpr unsigned kPerfmon = 38;  // newer than some user space headers
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (syscall(SYS_capget, &header, sets.data()) != 0) return true;  // cannot tell
    const auto holds = [&sets](unsigned capability) {
        return (sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
    };
    return holds(kPerfmon) || holds(CAP_SYS_ADMIN);
}

}  // namespace reseat::bpf
