// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/iterator.hpp"

#include "bpf/destroy.skel.h"
#include "bpf/sockets/sock_diag.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cerrno>

#include <unistd.h>

namespace reseat::bpf {
namespace {

/// Where a destroyed socket made the iterator skip one, the next pass finds it.
constexpr int kPasses = 64;

Result<void> read_to_the_end(int iterator) {
    std::array<char, 4096> nothing;  // the programs write none
    while (true) {
        const ssize_t length = read(iterator, nothing.data(), nothing.size());
        if (length == 0) return {};
        if (length < 0 && errno != EAGAIN && errno != EINTR)  // EAGAIN: 1,000,000 were seen
            return system_error("read an iterator over sockets", errno);
    }
}

}  // namespace

Result<std::unique_ptr<IteratorEngine>> IteratorEngine::load(const Programs& programs,
                                                             std::shared_ptr<NetNamespaces> namespaces) {
    destroy_bpf* skeleton = destroy_bpf__open();
    if (!skeleton) return system_error("open the iterator programs", errno);
    std::unique_ptr<IteratorEngine> engine(new IteratorEngine(skeleton, std::move(namespaces)));
    if (bpf_map__reuse_fd(skeleton->maps.lb_owner, programs.owner_fd()))
        return system_error("share lb_owner", errno);
    if (const int failure = destroy_bpf__load(skeleton))
        return system_error("bpf_sock_destroy (Linux 6.5, CAP_PERFMON and BTF)", -failure,
                            ErrorCode::unsupported);
    return engine;
}

IteratorEngine::~IteratorEngine() {
    destroy_bpf__destroy(skeleton_);
}

Result<lb_ending> IteratorEngine::one_pass(const lb_ending& what, std::uint64_t netns) const {
    const int map = bpf_map__fd(skeleton_->maps.lb_ending);
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(map, &zero, &what, BPF_ANY)) return system_error("lb_ending", errno);
    const bool udp = what.peer.protocol == IPPROTO_UDP;
    bpf_program* program = udp ? skeleton_->progs.lb_destroy_udp : skeleton_->progs.lb_destroy_tcp;
    const std::unique_ptr<bpf_link, decltype(&bpf_link__destroy)> link(
        bpf_program__attach_iter(program, nullptr), bpf_link__destroy);
    if (!link) return system_error("attach an iterator over sockets", errno);
    UniqueFd iterator;  // sees the namespace in which it is made
    int error = 0;
    const bool inside = namespaces_->run_inside(netns, [&] {
        iterator.reset(bpf_iter_create(bpf_link__fd(link.get())));
        error = errno;
    });
    if (!inside || !iterator) return system_error("create an iterator over sockets", inside ? error : EPERM);
    if (auto all = read_to_the_end(iterator.get()); !all) return all.error();
    lb_ending result{};
    bpf_map_lookup_elem(map, &zero, &result);
    return result;
}

Result<unsigned> IteratorEngine::end_all(const lb_ending& what, std::uint64_t netns) const {
    unsigned ended = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
        const auto result = one_pass(what, netns);
        if (!result) return result.error();
        ended += static_cast<unsigned>(result->ended);
        if (result->matched == 0) break;
    }
    return ended;
}

bool IteratorEngine::takes(const Target& target, Round /*round*/) const {
    return target.state != State::undecided && target.flow.life;
}

/// Which of the sockets the iterator ended is not known, only how many.
void IteratorEngine::end(Chunk& chunk) const {
    if (busy_.exchange(true)) {
        for (Target& target : chunk)
            target.stays("the iterator waits for a socket whose lock another thread holds");
        return;
    }
    const Flow& first = chunk.front().flow;
    lb_ending what{.life = first.life, .peer = first.remote};
    what.states = first.is_udp() ? kConnectedUdp : kLiveTcpStates;
    const auto ended = end_all(what, first.netns);
    busy_ = false;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
        if (ended)
            chunk[i].state = i < *ended ? State::ended : State::gone;
        else
            chunk[i].stays(ended.error().message);
    }
}

HandleChunk IteratorEngine::start(Round /*round*/) const {
    return [this](Chunk& chunk) { end(chunk); };
}

}  // namespace reseat::bpf
