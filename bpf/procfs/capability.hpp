// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace reseat::bpf {

/// Whether the calling thread holds CAP_PERFMON, or CAP_SYS_ADMIN, which does for it: the verifier then
/// trusts programs that it refuses otherwise (docs/kernel.md).
bool is_trusted_by_verifier();

}  // namespace reseat::bpf
