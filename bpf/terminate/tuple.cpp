// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/tuple.hpp"

#include <algorithm>
#include <cerrno>

namespace reseat::bpf {

namespace {

constexpr std::size_t kBatch = 128;  // small, so that little time passes between the look and the end

lb::Result<void> terminate_batch(SockDiag& diag, std::span<const SocketTuple> tuples,
                                 std::span<TupleOutcome> outcomes) {
    auto found = diag.find(tuples);
    if (!found) return found.error();
    std::vector<SocketTuple> live;
    std::vector<std::size_t> positions;
    for (std::size_t i = 0; i < tuples.size(); ++i) {
        if (!(*found)[i]) continue;
        live.push_back(tuples[i]);
        positions.push_back(i);
    }
    auto errors = diag.destroy(live);
    if (!errors) return errors.error();
    for (std::size_t i = 0; i < live.size(); ++i) {
        const int error = (*errors)[i];
        const Fate fate = error == 0 ? Fate::ended : error == ENOENT ? Fate::gone : Fate::failed;
        outcomes[positions[i]] = {fate, fate == Fate::failed ? error : 0};
    }
    return {};
}

}  // namespace

lb::Result<std::vector<TupleOutcome>> terminate_tuples(SockDiag& diag, std::span<const Flow> flows) {
    std::vector<SocketTuple> tuples;
    tuples.reserve(flows.size());
    for (const Flow& flow : flows) tuples.push_back(flow.tuple());
    std::vector<TupleOutcome> outcomes(flows.size());
    for (std::size_t from = 0; from < flows.size(); from += kBatch) {
        const std::size_t size = std::min(kBatch, flows.size() - from);
        auto done = terminate_batch(diag, std::span(tuples).subspan(from, size),
                                    std::span(outcomes).subspan(from, size));
        if (!done) return done.error();
    }
    return outcomes;
}

}  // namespace reseat::bpf
