// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/load_failure.hpp"

#include "bpf/procfs/capability.hpp"

#include <cerrno>

namespace reseat::bpf {

Error load_failure(int number) {
    if (number == EPERM)
        return {ErrorCode::unsupported,
                "cannot load BPF programs (EPERM): run as root, or grant CAP_BPF and CAP_NET_ADMIN and allow "
                "bpf() in "
                "the container's seccomp profile; `reseat doctor` shows what is missing"};
    if ((number == EACCES || number == EINVAL) && !is_trusted_by_verifier())
        return {ErrorCode::unsupported,
                "cannot load BPF programs without CAP_PERFMON: before Linux 6.18 the verifier rejects them; "
                "grant it"};
    return system_error("cannot load BPF programs (`reseat doctor` shows what the kernel lacks)", number,
                        ErrorCode::unsupported);
}

}  // namespace reseat::bpf
