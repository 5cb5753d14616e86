// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/socket_check.hpp"

#include "bpf/look.skel.h"
#include "bpf/sockets/sock_diag.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>

namespace reseat::bpf {

std::unique_ptr<SocketCheck> SocketCheck::load(int owner_map) {
    std::unique_ptr<look_bpf, decltype(&look_bpf__destroy)> skeleton(look_bpf__open(), look_bpf__destroy);
    if (!skeleton || bpf_map__reuse_fd(skeleton->maps.lb_owner, owner_map) || look_bpf__load(skeleton.get()))
        return nullptr;
    auto looks = MappedArray<lb_look>::map(bpf_map__fd(skeleton->maps.lb_looks), LB_LOOKS);
    if (!looks) return nullptr;
    return std::unique_ptr<SocketCheck>(new SocketCheck(skeleton.release(), std::move(*looks)));
}

SocketCheck::~SocketCheck() {
    look_bpf__destroy(skeleton_);
}

bool SocketCheck::run() const {
    std::array<std::uint8_t, 64> packet{};  // the program looks at none
    bpf_test_run_opts how{};
    how.sz = sizeof(how);
    how.data_in = packet.data();
    how.data_size_in = packet.size();
    return bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.lb_look), &how) == 0;
}

std::vector<bool> SocketCheck::live(std::span<const Flow> flows) {
    std::vector<bool> live(flows.size(), false);
    const std::lock_guard lock(mutex_);
    for (std::size_t from = 0; from < flows.size(); from += LB_LOOKS) {
        const std::size_t size = std::min<std::size_t>(LB_LOOKS, flows.size() - from);
        for (std::size_t i = 0; i < size; ++i) {
            const Flow& flow = flows[from + i];
            looks_[i] = {.life = flow.life,
                         .local = flow.local,
                         .remote = flow.remote,
                         .states = flow.is_udp() ? kConnectedUdp : kLiveTcpStates,
                         .live = 0};
        }
        if (size < LB_LOOKS) looks_[size].life = 0;
        if (!run()) return live;
        for (std::size_t i = 0; i < size; ++i)
            live[from + i] = looks_[i].live && flows[from + i].ifindex == 0;
    }
    return live;
}

}  // namespace reseat::bpf
