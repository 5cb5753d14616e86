// SPDX-License-Identifier: Apache-2.0
// The part of OrderExecutor that is about connected UDP: found, verified, moved, or else ended.
#include "bpf/orders/order_executor.hpp"
#include "bpf/sockets/udp_resolver.hpp"

#include <exception>

namespace reseat::bpf {
namespace {

/// Whatever goes wrong with this socket is no reason to leave the others.
Repointer::Result repoint_alone(Repointer& repointer, SockDiag& diag, Flow& flow, bool insist) {
    try {
        return repointer.repoint(diag, flow, insist);
    } catch (const std::exception& error) {
        return {Repointer::Outcome::failed, error.what()};
    }
}

}  // namespace

void OrderExecutor::handle_udp(std::uint64_t netns, std::vector<Flow> flows, Sweep& sweep, Baton& baton) {
    std::string why;
    const auto diag = namespaces_->channel(netns, flows.front().pid, why);
    if (!diag) {
        if (sweep.report.first_failure.empty()) sweep.report.first_failure = why;
        return terminate(netns, std::move(flows), sweep, baton);
    }
    if (sweep.last)  // it was bound to a device meanwhile, say: look for all of them afresh
        for (Flow& flow : flows) flow.inode = 0;
    if (auto resolved = resolve_udp(*diag, flows); !resolved) {
        for (std::size_t i = 0; i < flows.size(); ++i) sweep.failed(resolved.error().message);
        return;
    }
    std::erase_if(flows, [&](const Flow& flow) {
        if (!flow.resolved() && flow.indexed()) sweep.again = true;
        return !flow.resolved();
    });
    for (Flow& flow : flows) flow.netns = netns;
    if (sweep.order.udp == lb::UdpFate::repoint) {
        // The last look has just seen each of them by its cookie: a twin with the same tuple, which may have
        // been moved to a new life of the same address, hides none.
        if (!sweep.last) flows = connected(*diag, std::move(flows), sweep);
        flows = repoint(diag, std::move(flows), sweep, baton);
    }
    terminate(netns, std::move(flows), sweep, baton);
}

/// Those that are connected to the backend now. The others: unconnected, connected elsewhere, not through
/// with connecting, hidden behind a twin, or what is on record of them is out of date.
std::vector<Flow> OrderExecutor::connected(SockDiag& diag, std::vector<Flow> flows, Sweep& sweep) const {
    std::vector<Flow> there;
    std::vector<SocketTuple> tuples;
    for (const Flow& flow : flows) tuples.push_back(flow.tuple());
    auto found = diag.find(tuples);
    if (!found) {
        for (std::size_t i = 0; i < flows.size(); ++i) sweep.failed(found.error().message);
        return there;
    }
    for (std::size_t i = 0; i < flows.size(); ++i) {
        if ((*found)[i])
            there.push_back(flows[i]);
        else
            sweep.again = true;
    }
    return there;
}

/// What could not be moved, to be terminated instead.
std::vector<Flow> OrderExecutor::repoint(const std::shared_ptr<SockDiag>& diag, std::vector<Flow> flows,
                                         Sweep& sweep, Baton& baton) const {
    const auto repointer = std::make_shared<Repointer>(*programs_, *namespaces_, cgroup_, mark_);
    std::vector<Flow> to_terminate;
    for (const Flow& flow : flows) {
        // A worker that is stuck in there keeps what it uses.
        auto [result, moved] =
            baton.blocking({&flow, 1}, [repointer, diag, copy = flow, insist = sweep.last]() mutable {
                auto outcome = repoint_alone(*repointer, *diag, copy, insist);
                return std::pair(std::move(outcome), copy);
            });
        switch (result.outcome) {
            case Repointer::Outcome::moved:
                sweep.done(sweep.report.repointed);
                break;
            case Repointer::Outcome::not_ours:
                break;
            case Repointer::Outcome::pending:
                sweep.again = true;
                sweep.in_flight |= result.in_flight;
                break;
            case Repointer::Outcome::failed:
                if (sweep.report.first_failure.empty()) sweep.report.first_failure = result.why;
                to_terminate.push_back(moved);
        }
    }
    return to_terminate;
}

}  // namespace reseat::bpf
