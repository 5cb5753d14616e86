// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/tuple.hpp"

#include <cerrno>

namespace reseat::bpf {

lb::Result<std::vector<TupleOutcome>> terminate_tuples(SockDiag& diag, std::span<const Flow> flows) {
    std::vector<SocketTuple> tuples;
    tuples.reserve(flows.size());
    for (const Flow& flow : flows) tuples.push_back(flow.tuple());
    auto errors = diag.destroy(tuples);
    if (!errors) return errors.error();
    std::vector<TupleOutcome> outcomes;
    outcomes.reserve(flows.size());
    for (const int error : *errors) {
        if (error == 0)
            outcomes.push_back({Fate::ended, 0});
        else if (error == ENOENT)
            outcomes.push_back({Fate::gone, 0});
        else
            outcomes.push_back({Fate::failed, error});
    }
    return outcomes;
}

}  // namespace reseat::bpf
