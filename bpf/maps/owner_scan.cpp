// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/owner_scan.hpp"

#include "bpf/owned.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <unistd.h>

namespace reseat::bpf {
namespace {

constexpr std::size_t kKept = 4096;  // 176 bytes each; more room is given back after the scan
constexpr std::uint32_t kZero = 0;

Result<UniqueFd> make_array(std::size_t count) {
    const bpf_map_create_opts how{.sz = sizeof(how), .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP};
    UniqueFd array(bpf_map_create(BPF_MAP_TYPE_ARRAY, "lb_owned_room", sizeof(__u32), sizeof(lb_owned),
                                  static_cast<__u32>(count), &how));
    if (!array) return system_error("make room for the owners of sockets", errno);
    return array;
}

/// The programs write nothing to the iterator's own buffer.
Result<void> run_to_the_end(int iterator) {
    std::array<char, 64> nothing;
    while (true) {
        const ssize_t length = read(iterator, nothing.data(), nothing.size());
        if (length == 0) return {};
        if (length < 0 && errno != EINTR && errno != EAGAIN)  // EAGAIN: 1,000,000 were seen
            return system_error("read the owners of sockets", errno);
    }
}

}  // namespace

std::unique_ptr<OwnerScan> OwnerScan::load(int owner_fd) {
    owned_bpf* skeleton = owned_bpf__open();
    const auto first = make_array(1);  // says of what kind those are that will be used
    if (skeleton && first && bpf_map__set_inner_map_fd(skeleton->maps.lb_owned_found, first->get()) == 0 &&
        owned_bpf__load(skeleton) == 0)
        return std::unique_ptr<OwnerScan>(new OwnerScan(skeleton, owner_fd));
    spdlog::debug("no iterator over owners: it needs CAP_PERFMON and BTF");
    owned_bpf__destroy(skeleton);
    return std::unique_ptr<OwnerScan>(new OwnerScan(nullptr, owner_fd));
}

OwnerScan::~OwnerScan() {
    owned_bpf__destroy(skeleton_);
}

Result<void> OwnerScan::make_room(std::size_t count) {
    auto array = make_array(count);
    if (!array) return array.error();
    auto mapped = MappedArray<lb_owned>::map(array->get(), count);
    if (!mapped) return mapped.error();
    const int fd = array->get();
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.lb_owned_found), &kZero, &fd, BPF_ANY))
        return system_error("lb_owned_found", errno);
    found_ = std::move(*mapped);
    return {};
}

Result<std::size_t> OwnerScan::scan(std::uint64_t life) const {
    const int map = bpf_map__fd(skeleton_->maps.lb_owned_pass);
    lb_owned_pass pass{.life = life, .found = 0, .pad = 0};
    if (bpf_map_update_elem(map, &kZero, &pass, BPF_ANY)) return system_error("lb_owned_pass", errno);
    bpf_iter_link_info which{};
    which.map.map_fd = static_cast<__u32>(owner_fd_);
    bpf_iter_attach_opts how{};
    how.sz = sizeof(how);
    how.link_info = &which;
    how.link_info_len = sizeof(which);
    const std::unique_ptr<bpf_link, decltype(&bpf_link__destroy)> link(
        bpf_program__attach_iter(skeleton_->progs.lb_owned, &how), bpf_link__destroy);
    if (!link) return system_error("attach lb_owned", errno);
    const UniqueFd iterator(bpf_iter_create(bpf_link__fd(link.get())));
    if (!iterator) return system_error("iterate lb_owner", errno);
    if (auto done = run_to_the_end(iterator.get()); !done) return done.error();
    if (bpf_map_lookup_elem(map, &kZero, &pass)) return system_error("lb_owned_pass", errno);
    return pass.found;
}

Result<void> OwnerScan::each(std::uint64_t life, std::size_t expected,
                             const std::function<void(const lb_owned&)>& visit) {
    if (!skeleton_)
        return Error{ErrorCode::unsupported,
                     "sockets that are not in the index cannot be found without CAP_PERFMON and BTF"};
    const std::lock_guard lock(mutex_);
    for (std::size_t wanted = std::max(expected, kKept);;) {
        if (wanted > found_.size())
            if (auto room = make_room(wanted); !room) return room;
        const auto count = scan(life);
        if (!count) return count.error();
        if (*count <= found_.size()) {
            for (std::size_t i = 0; i < *count; ++i) visit(found_[i]);
            return found_.size() > kKept ? make_room(kKept) : Result<void>();
        }
        wanted = *count + *count / 4;
    }
}

}  // namespace reseat::bpf
