// SPDX-License-Identifier: Apache-2.0
#include "bpf/reseater.hpp"

#include "bpf/terminate/diag.hpp"
#include "bpf/terminate/tuple.hpp"
#include "bpf/udp_resolver.hpp"

#include <chrono>
#include <cstring>
#include <tuple>
#include <unordered_set>

namespace reseat::bpf {

void Sweep::done(unsigned& counter) {
    ++counter;
    last_done = std::chrono::steady_clock::now();
}

void Sweep::failed(const std::string& why) {
    ++left;
    again = true;
    if (report.first_failure.empty()) report.first_failure = why;
}

Reseater::Reseater(const Programs& programs, SockDiag diag, Repointer repointer, std::uint64_t own_netns)
    : programs_(programs),
      index_(programs),
      diag_(std::move(diag)),
      repointer_(std::move(repointer)),
      own_netns_(own_netns) {}

std::vector<Flow> Reseater::find(Sweep& sweep) {
    const auto& [order, backend] = std::tie(sweep.order, sweep.backend);
    std::vector<Flow> flows = index_.of_life(backend, order.life);
    const lb_backend& element = programs_.backends[backend];
    if (element.life != order.life || __atomic_load_n(&element.overflow, __ATOMIC_RELAXED) == 0) return flows;
    auto others = find_by_owner(diag_, programs_, element, order.life);
    if (!others) {
        sweep.failed(others.error().message);
        return flows;
    }
    std::unordered_set<std::uint64_t> known;
    for (const Flow& flow : flows) known.insert(flow.key.cookie);
    for (Flow& flow : *others) {
        if (known.contains(flow.key.cookie)) continue;
        flow.value.netns = own_netns_;
        flows.push_back(flow);
    }
    return flows;
}

void Reseater::run(Sweep& sweep) {
    sweep.left = 0;
    sweep.again = false;
    std::vector<Flow> tcp, udp;
    for (Flow& flow : find(sweep)) {
        const bool wanted = flow.is_udp() ? sweep.order.udp != lb::UdpFate::keep : sweep.order.terminate_tcp;
        if (!wanted) continue;
        if (flow.value.netns != own_netns_)
            sweep.failed("the socket is in another network namespace");
        else
            (flow.is_udp() ? udp : tcp).push_back(flow);
    }
    terminate(std::move(tcp), sweep);
    handle_udp(std::move(udp), sweep);
}

void Reseater::terminate(std::vector<Flow> flows, Sweep& sweep) {
    if (flows.empty()) return;
    auto outcomes = terminate_tuples(diag_, flows);
    if (!outcomes) {
        for (std::size_t i = 0; i < flows.size(); ++i) sweep.failed(outcomes.error().message);
        return;
    }
    for (std::size_t i = 0; i < flows.size(); ++i) {
        switch ((*outcomes)[i].fate) {
            case Fate::ended:
                sweep.done(sweep.report.terminated);
                index_.remove(flows[i]);
                break;
            case Fate::gone:
                if (flows[i].is_udp())
                    sweep.again = true;  // another socket may have the same tuple
                else
                    index_.remove(flows[i]);
                break;
            case Fate::failed:
                sweep.failed(std::string("SOCK_DESTROY: ") + std::strerror((*outcomes)[i].error));
        }
    }
}

/// Those that are connected to the backend now. The others: unconnected, connected elsewhere, not through
/// with connecting, hidden behind a twin, or what is on record of them is out of date.
std::vector<Flow> Reseater::connected(std::vector<Flow> flows, Sweep& sweep) {
    std::vector<Flow> there;
    std::vector<SocketTuple> tuples;
    for (const Flow& flow : flows) tuples.push_back(flow.tuple());
    auto found = diag_.find(tuples);
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

void Reseater::handle_udp(std::vector<Flow> flows, Sweep& sweep) {
    if (flows.empty()) return;
    if (sweep.last)  // it was bound to a device meanwhile, say: look for all of them afresh
        for (Flow& flow : flows) flow.value.inode = 0;
    if (auto resolved = resolve_udp(diag_, flows); !resolved) {
        for (std::size_t i = 0; i < flows.size(); ++i) sweep.failed(resolved.error().message);
        return;
    }
    const auto unresolved = std::erase_if(flows, [](const Flow& flow) { return !flow.resolved(); });
    if (unresolved) sweep.again = true;
    if (sweep.order.udp == lb::UdpFate::repoint) flows = repoint(connected(std::move(flows), sweep), sweep);
    terminate(std::move(flows), sweep);
}

/// What could not be moved, to be terminated instead.
std::vector<Flow> Reseater::repoint(std::vector<Flow> flows, Sweep& sweep) {
    repointer_.forget_processes();
    std::vector<Flow> to_terminate;
    for (Flow& flow : flows) {
        const auto [outcome, why] = repointer_.repoint(diag_, flow, sweep.last);
        switch (outcome) {
            case Repointer::Outcome::moved:
                sweep.done(sweep.report.repointed);
                break;
            case Repointer::Outcome::not_ours:
                break;
            case Repointer::Outcome::pending:
                sweep.again = true;
                break;
            case Repointer::Outcome::failed:
                if (sweep.report.first_failure.empty()) sweep.report.first_failure = why;
                to_terminate.push_back(flow);
        }
    }
    return to_terminate;
}

}  // namespace reseat::bpf
