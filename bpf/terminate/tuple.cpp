// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/tuple.hpp"

#include "bpf/sockets/socket_check.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace reseat::bpf {
namespace {

constexpr std::size_t kBatch = 128;  // small, so that little time passes between the look and the end

void destroy(Ending& ending, const std::vector<Flow>& flows) {
    if (flows.empty()) return;
    std::vector<SocketTuple> tuples;
    for (const Flow& flow : flows) tuples.push_back(flow.tuple());
    const auto diag = ending.diag;
    const auto errors = ending.baton.blocking(flows, [diag, tuples] { return diag->destroy(tuples); });
    for (std::size_t i = 0; i < flows.size(); ++i) {
        if (!errors)
            ending.stays(flows[i], errors.error().message);
        else if ((*errors)[i] == 0)
            ending.ended(flows[i]);
        else if ((*errors)[i] == ENOENT)
            ending.unseen.push_back(flows[i]);
        else
            ending.stays(flows[i], std::string("SOCK_DESTROY: ") + std::strerror((*errors)[i]));
    }
    ending.clear_index();
}

/// Whether its peer speaks it, too: for that the kernel takes the socket's lock.
bool is_multipath(Ending& ending, const Flow& flow) {
    const auto find = [diag = ending.diag, tuple = flow.tuple()] { return diag->find({&tuple, 1}, true); };
    const auto found = ending.baton.blocking({&flow, 1}, find);
    return found && found->front() && found->front()->multipath;
}

/// Those that are there. For what the quick look does not know of, sock_diag is asked.
std::vector<Flow> look(Ending& ending, std::span<const Flow> flows) {
    const std::vector<bool> live =
        ending.look ? ending.look->live(flows) : std::vector<bool>(flows.size(), false);
    std::vector<Flow> there;
    std::vector<Flow> doubtful;
    std::vector<SocketTuple> tuples;
    for (std::size_t i = 0; i < flows.size(); ++i) {
        (live[i] ? there : doubtful).push_back(flows[i]);
        if (!live[i]) tuples.push_back(flows[i].tuple());
    }
    if (doubtful.empty()) return there;
    const auto found = ending.diag->find(tuples);
    for (std::size_t i = 0; i < doubtful.size(); ++i) {
        if (!found)
            ending.stays(doubtful[i], found.error().message);
        else
            ((*found)[i] ? there : ending.unseen).push_back(doubtful[i]);
    }
    return there;
}

/// The look is needed for UDP and TCP alike: SOCK_DESTROY asks for neither state nor peer. A tuple still
/// finds a UDP socket with a port of its own that was unconnected since, what TIME_WAIT left of a TCP
/// connection, and a TCP socket that listens by now.
void end_batch(Ending& ending, std::span<const Flow> flows, bool multipath) {
    std::vector<Flow> live;
    for (Flow& flow : look(ending, flows)) {
        flow.multipath = flow.subflow && is_multipath(ending, flow);
        if (flow.multipath && !multipath)
            ending.stays(flow, "Multipath TCP");
        else
            live.push_back(flow);
    }
    destroy(ending, live);
}

}  // namespace

void end_by_tuple(Ending& ending, std::vector<Flow> flows, bool multipath) {
    for (std::size_t from = 0; from < flows.size(); from += kBatch)
        end_batch(ending, std::span(flows).subspan(from, std::min(kBatch, flows.size() - from)), multipath);
}

void TupleEngine::end(Ending& ending) {
    if (ending.diag) end_by_tuple(ending, std::exchange(ending.open, {}), false);
}

}  // namespace reseat::bpf
