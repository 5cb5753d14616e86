// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/tuple.hpp"

#include "bpf/sockets/socket_check.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace reseat::bpf {
namespace {

std::vector<SocketTuple> tuples_of(std::span<Target* const> targets) {
    std::vector<SocketTuple> tuples;
    for (const Target* target : targets) tuples.push_back(target->flow.tuple());
    return tuples;
}

void destroy(SockDiag& diag, std::span<Target* const> targets) {
    if (targets.empty()) return;
    const auto errors = diag.destroy(tuples_of(targets));
    for (std::size_t i = 0; i < targets.size(); ++i) {
        if (!errors)
            targets[i]->stays(errors.error().message);
        else if ((*errors)[i] == 0)
            targets[i]->state = State::ended;
        else if ((*errors)[i] == ENOENT)
            targets[i]->state = State::unseen;
        else
            targets[i]->stays(std::string("SOCK_DESTROY: ") + std::strerror((*errors)[i]));
    }
}

/// Whether its peer speaks it, too: for that the kernel takes the socket's lock.
bool is_multipath(SockDiag& diag, const Flow& flow) {
    const SocketTuple tuple = flow.tuple();
    const auto found = diag.find({&tuple, 1}, true);
    return found && found->front() && found->front()->multipath;
}

}  // namespace

std::vector<Target*> pointers_to(Chunk& chunk) {
    std::vector<Target*> pointers;
    for (Target& target : chunk) pointers.push_back(&target);
    return pointers;
}

std::shared_ptr<SockDiag> ExactEnder::channel(std::span<Target* const> targets) const {
    const Flow& first = targets.front()->flow;
    std::string why;
    auto diag = namespaces_->channel(first.netns, first.pid, why);
    if (diag) return diag;
    for (Target* target : targets) {
        target->state = State::unreachable;
        target->stays(why);
    }
    return nullptr;
}

/// Those that are there. For what the quick look does not know of, sock_diag is asked.
std::vector<Target*> ExactEnder::look(SockDiag& diag, std::span<Target* const> targets) const {
    std::vector<bool> live(targets.size(), false);
    const Flow& first = targets.front()->flow;
    if (check_ && first.life && first.netns == namespaces_->own()) {
        std::vector<Flow> flows;
        for (const Target* target : targets) flows.push_back(target->flow);
        live = check_->live(flows);
    }
    std::vector<Target*> there, doubtful;
    for (std::size_t i = 0; i < targets.size(); ++i) (live[i] ? there : doubtful).push_back(targets[i]);
    if (doubtful.empty()) return there;
    const auto found = diag.find(tuples_of(doubtful));
    for (std::size_t i = 0; i < doubtful.size(); ++i) {
        if (!found)
            doubtful[i]->stays(found.error().message);
        else if ((*found)[i])
            there.push_back(doubtful[i]);
        else
            doubtful[i]->state = State::unseen;
    }
    return there;
}

/// The look is needed for UDP and TCP alike: SOCK_DESTROY asks for neither state nor peer. A tuple still
/// finds a UDP socket with a port of its own that was unconnected since, what TIME_WAIT left of a TCP
/// connection, and a TCP socket that listens by now.
void ExactEnder::end(SockDiag& diag, std::span<Target* const> targets, bool multipath) const {
    for (std::size_t from = 0; from < targets.size(); from += kChunk) {
        std::vector<Target*> there =
            look(diag, targets.subspan(from, std::min(kChunk, targets.size() - from)));
        std::erase_if(there, [&](Target* target) {
            if (multipath || !target->flow.subflow || !is_multipath(diag, target->flow)) return false;
            target->state = State::multipath;
            return true;
        });
        destroy(diag, there);
    }
}

HandleChunk TupleEngine::start(Round /*round*/) const {
    return [this](Chunk& chunk) {
        const auto targets = pointers_to(chunk);
        const auto diag = ender_.channel(targets);
        if (!diag) return;
        for (Target* target : targets)
            if (late_)
                target->note = "Multipath TCP, notified only after net.mptcp.close_timeout" +
                               (target->why.empty() ? "" : ": " + target->why);
        ender_.end(*diag, targets, late_);
    };
}

}  // namespace reseat::bpf
