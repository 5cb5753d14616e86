// SPDX-License-Identifier: Apache-2.0
#include "bpf/baton.hpp"

namespace reseat::bpf {

std::uint64_t Baton::waits_in() {
    const std::unique_lock attempt(mutex_, std::try_to_lock);
    return attempt && waits_ ? calls_ : 0;
}

bool Baton::overtake(std::uint64_t call, std::vector<Flow>& on) {
    const std::unique_lock attempt(mutex_, std::try_to_lock);
    if (!attempt || !waits_ || calls_ != call) return false;
    overtaken_ = true;
    on = std::move(on_);
    return true;
}

}  // namespace reseat::bpf
