// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/operator_overrides.hpp"

#include "bpf/maps/map_snapshot.hpp"

#include <bpf/bpf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace reseat::bpf {

void OperatorOverrideTable::keep(const lb::OperatorOverrides& of_service, Protocol protocol) {
    std::vector<lb_endpoint> kept;
    for (const lb::OperatorOverride& word : of_service.overrides) {
        const lb_word_key key{of_service.service, to_kernel(word.backend, protocol)};
        const lb_word value{state_number(word.state), state_number(word.configured_state), word.weight,
                            word.configured_weight};
        if (bpf_map_update_elem(map_, &key, &value, BPF_ANY) == 0)
            kept.push_back(key.backend);
        else
            spdlog::warn("the operator's settings of {} will not survive a restart: {}",
                         to_string(word.backend), std::strerror(errno));
    }
    for (const lb_endpoint& before : std::exchange(kept_[of_service.service], kept)) {
        const lb_word_key key{of_service.service, before};
        const auto same = [&](const lb_endpoint& now) { return same_endpoint(now, before); };
        if (std::ranges::none_of(kept, same)) bpf_map_delete_elem(map_, &key);
    }
    if (kept.empty()) kept_.erase(of_service.service);
}

}  // namespace reseat::bpf
