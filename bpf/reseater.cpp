// SPDX-License-Identifier: Apache-2.0
#include "bpf/reseater.hpp"

#include "bpf/terminate/diag.hpp"
#include "bpf/terminate/tuple.hpp"
#include "bpf/udp_resolver.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <thread>
#include <unordered_set>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::array<lb::Duration, 4> kPauses = {0ms, 1ms, 10ms, 100ms};

}  // namespace

/// What one order did so far, and what its last sweep left.
struct Reseater::Sweep {
    lb::TerminationReport report;
    Clock::time_point last_done;
    unsigned left = 0;   ///< could not be ended in this sweep
    bool again = false;  ///< something was not settled yet

    void failed(const std::string& why) {
        ++left;
        again = true;
        if (report.first_failure.empty()) report.first_failure = why;
    }
};

Reseater::Reseater(const Programs& programs, SockDiag diag, Repointer repointer, std::uint64_t own_netns)
    : programs_(programs),
      index_(programs),
      diag_(std::move(diag)),
      repointer_(std::move(repointer)),
      own_netns_(own_netns) {}

lb::TerminationReport Reseater::run(const lb::ReseatOrder& order, std::uint32_t backend,
                                    const std::atomic<bool>& stopping) {
    const auto start = Clock::now();
    Sweep progress;
    progress.last_done = start;
    for (const lb::Duration pause : kPauses) {
        if (stopping) break;
        std::this_thread::sleep_for(pause);
        progress.left = 0;
        progress.again = false;
        sweep(order, backend, progress);
        if (!progress.again) break;
    }
    lb::TerminationReport report = std::move(progress.report);
    report.failed = progress.left;
    report.matched = report.terminated + report.repointed + report.failed;
    report.duration = progress.last_done - start;
    return report;
}

std::vector<Flow> Reseater::find(const lb::ReseatOrder& order, std::uint32_t backend, Sweep& sweep) {
    std::vector<Flow> flows = index_.of_life(backend, order.life);
    const lb_backend& element = programs_.backends[backend];
    if (element.life != order.life || __atomic_load_n(&element.overflow, __ATOMIC_RELAXED) == 0) return flows;
    auto others = find_by_owner(diag_, programs_.owner_fd(), element, order.life);
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

void Reseater::sweep(const lb::ReseatOrder& order, std::uint32_t backend, Sweep& sweep) {
    std::vector<Flow> tcp, udp;
    for (Flow& flow : find(order, backend, sweep)) {
        const bool wanted = flow.is_udp() ? order.udp != lb::UdpFate::keep : order.terminate_tcp;
        if (!wanted) continue;
        if (flow.value.netns != own_netns_)
            sweep.failed("the socket is in another network namespace");
        else
            (flow.is_udp() ? udp : tcp).push_back(flow);
    }
    terminate(std::move(tcp), sweep);
    if (!udp.empty()) handle_udp(order, std::move(udp), sweep);
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
                ++sweep.report.terminated;
                sweep.last_done = Clock::now();
                index_.remove(flows[i]);
                break;
            case Fate::gone: index_.remove(flows[i]); break;
            case Fate::failed: sweep.failed(std::string("SOCK_DESTROY: ") + std::strerror((*outcomes)[i].error));
        }
    }
}

void Reseater::handle_udp(const lb::ReseatOrder& order, std::vector<Flow> flows, Sweep& sweep) {
    if (auto resolved = resolve_udp(diag_, flows); !resolved) {
        for (std::size_t i = 0; i < flows.size(); ++i) sweep.failed(resolved.error().message);
        return;
    }
    repointer_.forget_processes();
    std::vector<Flow> to_terminate;
    for (const Flow& flow : flows) {
        // Not connected to that backend: unconnected, connected elsewhere, or its connect is not through yet.
        if (!flow.resolved() || !diag_.find_udp(flow.tuple())) {
            sweep.again = true;
            continue;
        }
        if (order.udp == lb::UdpFate::terminate) {
            to_terminate.push_back(flow);
            continue;
        }
        const auto [outcome, why] = repointer_.repoint(diag_, flow);
        if (outcome == Repointer::Outcome::moved) {
            ++sweep.report.repointed;
            sweep.last_done = Clock::now();
        }
        if (outcome == Repointer::Outcome::failed) {
            if (sweep.report.first_failure.empty()) sweep.report.first_failure = why;
            to_terminate.push_back(flow);
        }
    }
    terminate(std::move(to_terminate), sweep);
}

}  // namespace reseat::bpf
