// SPDX-License-Identifier: Apache-2.0
#include "bpf/orders/order_executor.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/sockets/owned_sockets.hpp"
#include "bpf/sockets/socket_check.hpp"
#include "bpf/sockets/udp_resolver.hpp"
#include "bpf/terminate/tuple.hpp"
#include "bpf/workers/supervised.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <tuple>
#include <unordered_set>

namespace reseat::bpf {
namespace {

/// Calls `handle` for each network namespace and its flows; what goes wrong in one is no reason to leave the
/// others.
template <class Handle>
void for_each_namespace(std::vector<Flow> flows, Sweep& sweep, Handle handle) {
    std::map<std::uint64_t, std::vector<Flow>> groups;
    for (Flow& flow : flows) groups[flow.netns].push_back(std::move(flow));
    for (auto& [netns, group] : groups) {
        const std::size_t count = group.size();
        try {
            handle(netns, std::move(group));
        } catch (const std::exception& error) {
            for (std::size_t i = 0; i < count; ++i) sweep.failed(error.what());
        }
    }
}

std::vector<SocketTuple> tuples_of(const std::vector<Flow>& flows) {
    std::vector<SocketTuple> tuples;
    for (const Flow& flow : flows) tuples.push_back(flow.tuple());
    return tuples;
}

}  // namespace

OrderExecutor::OrderExecutor(std::shared_ptr<const Programs> programs,
                             std::shared_ptr<NetNamespaces> namespaces, std::string cgroup,
                             std::function<void(int)> mark, Engines engines, std::optional<Engine> only)
    : programs_(std::move(programs)),
      namespaces_(std::move(namespaces)),
      cgroup_(std::move(cgroup)),
      mark_(std::move(mark)),
      index_(*programs_),
      look_(SocketCheck::load(programs_->owner_fd())),
      engines_(std::move(engines)),
      only_(only) {}

std::vector<std::string> OrderExecutor::engine_names() const {
    std::vector<std::string> names;
    for (const auto& engine : engines_) names.emplace_back(to_string(engine->kind()));
    return names;
}

std::vector<Flow> OrderExecutor::find(Sweep& sweep) const {
    const lb_backend& element = programs_->backends[sweep.backend];
    if (element.life != sweep.order.life) return {};  // retired meanwhile
    std::vector<Flow> flows;
    if (only_ != Engine::diag) flows = index_.of_life(sweep.backend, sweep.order.life);
    const bool overflow = __atomic_load_n(&element.overflow, __ATOMIC_RELAXED) != 0;
    if ((overflow && only_ != Engine::tuple) || only_ == Engine::diag) add_owned(sweep, flows);
    return flows;
}

/// What the index had no room for. Where a socket is connected from, and whether it is, shows later.
void OrderExecutor::add_owned(Sweep& sweep, std::vector<Flow>& flows) const {
    const lb_endpoint backend = programs_->backends[sweep.backend].endpoint;
    const auto owned = owned_sockets(*programs_, sweep.order.life);
    if (!owned) return sweep.failed(owned.error().message);
    std::unordered_set<std::uint64_t> known;
    for (const Flow& flow : flows) known.insert(flow.cookie);
    for (const lb_owned& socket : *owned) {
        if (known.contains(socket.cookie) || life_of(socket.owner, backend) != sweep.order.life) continue;
        Flow flow;
        flow.cookie = socket.cookie;
        flow.life = sweep.order.life;
        flow.netns = socket.netns;
        flow.remote = backend;
        flow.pid = socket.owner.pid;
        flow.subflow = (socket.owner.flags & LB_OWNER_MULTIPATH) != 0;
        flows.push_back(flow);
    }
}

/// After another worker was overtaken: the first that is still there is the one that it waits for; those
/// before it were ended. Returns how many are known to be stuck.
unsigned OrderExecutor::settle_suspects(Sweep& sweep) {
    const std::vector<Flow> suspects = std::exchange(sweep.suspects, {});
    if (suspects.empty()) return 0;
    std::string why;
    const auto diag = namespaces_->channel(suspects.front().netns, suspects.front().pid, why);
    const bool known = suspects.front().local.port_be != 0;  // else it cannot be looked for like this
    const auto found = diag && known ? diag->find(tuples_of(suspects))
                                     : Result<std::vector<std::optional<DiagSocket>>>(
                                           Error{ErrorCode::failed, "the sockets cannot be looked up"});
    bool stuck = false;
    for (std::size_t i = 0; i < suspects.size(); ++i) {
        if (found && !(*found)[i]) {
            sweep.done(sweep.report.terminated);
            index_.remove({&suspects[i], 1});
        } else if (!std::exchange(stuck, true) || !found) {
            stuck_.add(suspects[i].cookie, sweep.waiting);
        } else {
            continue;  // behind the one that is stuck: it is still wanted
        }
        sweep.settled.insert(suspects[i].cookie);
    }
    return !stuck ? 0 : found ? 1 : static_cast<unsigned>(suspects.size());
}

void OrderExecutor::look(Sweep& sweep, const std::shared_ptr<Baton>& baton) {
    settle_suspects(sweep);
    sweep.left = 0;
    sweep.again = false;
    sweep.in_flight = false;
    sweep.tcp.clear();
    std::vector<Flow> udp;
    for (Flow& flow : find(sweep)) {
        const bool wanted = flow.is_udp() ? sweep.order.udp != lb::UdpFate::keep : sweep.order.terminate_tcp;
        if (!wanted) continue;
        if (stuck_.contains(flow.cookie))
            sweep.failed(kLocked);
        else
            (flow.is_udp() ? udp : sweep.tcp).push_back(flow);
    }
    if (sweep.order.quiet_for > Duration::zero()) sweep.tcp = quiet_ones(std::move(sweep.tcp), sweep, *baton);
    for_each_namespace(std::move(udp), sweep, [&](std::uint64_t netns, std::vector<Flow> flows) {
        handle_udp(netns, std::move(flows), sweep, *baton);
    });
}

void OrderExecutor::end_tcp(Sweep& sweep, const std::shared_ptr<Baton>& baton, std::size_t count) {
    // What another worker had in hand when it was overtaken comes first.
    for (unsigned stuck = settle_suspects(sweep); stuck > 0; --stuck) sweep.failed(kLocked);
    std::erase_if(sweep.current, [&](const Flow& flow) { return sweep.settled.contains(flow.cookie); });
    const auto more = sweep.tcp.begin() + static_cast<std::ptrdiff_t>(std::min(count, sweep.tcp.size()));
    if (sweep.current.empty()) {
        sweep.current.assign(sweep.tcp.begin(), more);
        sweep.tcp.erase(sweep.tcp.begin(), more);
    }
    sweep.settled.clear();
    for_each_namespace(sweep.current, sweep, [&](std::uint64_t netns, std::vector<Flow> flows) {
        terminate(netns, std::move(flows), sweep, *baton);
    });
    sweep.current.clear();
}

/// TCP sockets on which nothing was said for so long, and nothing is on its way.
std::vector<Flow> OrderExecutor::quiet_ones(std::vector<Flow> flows, Sweep& sweep, Baton& baton) {
    std::vector<Flow> quiet;
    for (const Flow& flow : flows) {
        std::string why;
        const auto diag = namespaces_->channel(flow.netns, flow.pid, why);
        if (!diag) continue;
        const auto found = baton.blocking({&flow, 1}, [diag, tuple = flow.tuple()] {
            return diag->find({&tuple, 1}, true);  // takes the socket's lock
        });
        if (!found || !found->front()) continue;
        const DiagSocket& socket = *found->front();
        if (socket.idle && *socket.idle >= sweep.order.quiet_for && socket.unsent == 0 && socket.unread == 0)
            quiet.push_back(flow);
    }
    return quiet;
}

void OrderExecutor::terminate(std::uint64_t netns, std::vector<Flow> flows, Sweep& sweep, Baton& baton) {
    if (flows.empty()) return;
    Ending ending{.sweep = sweep, .baton = baton, .index = index_};
    ending.backend = flows.front().remote;
    ending.netns = netns;
    ending.diag = namespaces_->channel(netns, flows.front().pid, ending.why);
    if (netns == namespaces_->own()) ending.look = look_.get();
    // The dump has the source of one that is not indexed; its descriptor does not need it.
    const bool dumped = ending.diag && only_ != Engine::descriptor;
    for (Flow& flow : flows)
        (flow.indexed() || !dumped ? ending.open : ending.unseen).push_back(std::move(flow));
    for (const auto& engine : engines_) {
        // Of UDP sockets with one tuple only one is seen at a time: mostly the next sweep does it.
        if (engine->kind() == Engine::diag && ending.is_udp() && !sweep.last && !only_ &&
            ending.open.empty() && std::ranges::all_of(ending.unseen, &Flow::indexed))
            continue;
        engine->end(ending);
        ending.clear_index();
    }
    settle_leftovers(ending);
}

void OrderExecutor::settle_leftovers(Ending& ending) const {
    // The engine that ends it at once could not: then later, by its subflow.
    std::vector<Flow> subflows;
    std::erase_if(ending.open, [&](const Flow& flow) {
        if (flow.multipath && ending.diag) subflows.push_back(flow);
        return flow.multipath && ending.diag;
    });
    if (!subflows.empty()) {
        if (ending.sweep.report.first_failure.empty())
            ending.sweep.report.first_failure =
                "Multipath TCP, notified only after net.mptcp.close_timeout: " + ending.why;
        end_by_tuple(ending, std::move(subflows), true);
    }
    ending.clear_index();
    for (std::size_t i = 0; i < ending.open.size(); ++i) ending.sweep.failed(ending.why);
    if (!ending.unseen.empty() && ending.is_udp()) ending.sweep.again = true;
}

}  // namespace reseat::bpf
