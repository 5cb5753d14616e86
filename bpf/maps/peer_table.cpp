// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/peer_table.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

namespace reseat::bpf {

Result<void> PeerTable::add(std::uint32_t service, const lb_endpoint& backend,
                            const std::optional<lb_endpoint>& dialled) {
    Uses& uses = uses_[backend];
    auto use = std::ranges::find(uses, service, &Use::service);
    if (use != uses.end()) {
        ++use->lives;
        return {};
    }
    uses.push_back({service, 1, dialled});
    if (auto written = write(service, backend, dialled); !written) return written;
    return write_any(uses, backend);
}

Result<void> PeerTable::redial(std::uint32_t service, const lb_endpoint& backend,
                               const std::optional<lb_endpoint>& dialled) {
    Uses& uses = uses_[backend];
    const auto use = std::ranges::find(uses, service, &Use::service);
    if (use == uses.end()) return {};
    use->dialled = dialled;
    if (auto written = write(service, backend, dialled); !written) return written;
    return write_any(uses, backend);
}

void PeerTable::remove(std::uint32_t service, const lb_endpoint& backend) {
    const auto known = uses_.find(backend);
    if (known == uses_.end()) return;
    Uses& uses = known->second;
    const auto use = std::ranges::find(uses, service, &Use::service);
    if (use == uses.end() || --use->lives > 0) return;
    uses.erase(use);
    (void)write(service, backend, std::nullopt);
    (void)write_any(uses, backend);  // over an entry that is there, or a removal: both find room
    if (uses.empty()) uses_.erase(known);
}

Result<void> PeerTable::write(std::uint32_t service, const lb_endpoint& backend,
                              const std::optional<lb_endpoint>& dialled) const {
    const lb_peer_key key{.service = service, .backend = backend};
    if (!dialled) {
        bpf_map_delete_elem(map_fd_, &key);
        return {};
    }
    const lb_peer peer{.dialled = *dialled};
    if (bpf_map_update_elem(map_fd_, &key, &peer, BPF_ANY) != 0)
        return system_error("record the address of a backend", errno);
    return {};
}

/// Of services that share a backend, the first names it.
Result<void> PeerTable::write_any(const Uses& uses, const lb_endpoint& backend) const {
    const auto first = std::ranges::find_if(uses, [](const Use& use) { return use.dialled.has_value(); });
    return write(0, backend, first == uses.end() ? std::nullopt : first->dialled);
}

}  // namespace reseat::bpf
