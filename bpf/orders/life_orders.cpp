// SPDX-License-Identifier: Apache-2.0
#include "bpf/orders/life_orders.hpp"

#include "bpf/orders/repoint.hpp"
#include "bpf/sockets/owned_sockets.hpp"
#include "bpf/sockets/udp_resolver.hpp"

#include <exception>
#include <map>
#include <unordered_set>
#include <utility>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

/// TCP sockets on which nothing was said for so long, and nothing is on its way, are to be ended.
class QuietStep final : public SocketStep {
public:
    QuietStep(std::shared_ptr<NetNamespaces> namespaces, Duration quiet_for)
        : namespaces_(std::move(namespaces)), quiet_for_(quiet_for) {}

    bool takes(const Target& target, Round /*round*/) const override {
        return target.state == State::undecided;
    }
    HandleChunk start(Round /*round*/) const override {
        return [this](Chunk& chunk) {
            for (Target& target : chunk) target.state = is_quiet(target.flow) ? State::open : State::spared;
        };
    }

private:
    bool is_quiet(const Flow& flow) const {
        std::string why;
        const auto diag = namespaces_->channel(flow.netns, flow.pid, why);
        if (!diag) return false;
        const SocketTuple tuple = flow.tuple();
        const auto found = diag->find({&tuple, 1}, true);  // takes the socket's lock
        if (!found || !found->front()) return false;
        const DiagSocket& socket = *found->front();
        return socket.idle && *socket.idle >= quiet_for_ && socket.unsent == 0 && socket.unread == 0;
    }

    std::shared_ptr<NetNamespaces> namespaces_;
    Duration quiet_for_;
};

/// Connected UDP sockets are moved; what cannot be moved is to be ended.
class RepointStep final : public SocketStep {
public:
    explicit RepointStep(std::shared_ptr<const LifeTools> tools) : tools_(std::move(tools)) {}

    bool takes(const Target& target, Round /*round*/) const override {
        return target.state == State::undecided;
    }
    HandleChunk start(Round round) const override {
        const auto repointer =
            std::make_shared<Repointer>(*tools_->programs, *tools_->namespaces, tools_->cgroup, tools_->mark);
        return [this, repointer, insist = round.last](Chunk& chunk) {
            for (Target& target : chunk) {
                auto [state, why] = repoint(*repointer, target.flow, insist);
                target.state = state;
                if (state == State::open) target.note = std::move(why);
            }
        };
    }

private:
    Repointer::Result repoint(Repointer& repointer, Flow& flow, bool insist) const {
        std::string why;
        const auto diag = tools_->namespaces->channel(flow.netns, flow.pid, why);
        if (!diag) return {State::open, why};
        try {
            return repointer.repoint(*diag, flow, insist);
        } catch (const std::exception& error) {
            return {State::open, error.what()};
        }
    }

    std::shared_ptr<const LifeTools> tools_;
};

/// Finds the sockets of an order, look after look.
class LifeSockets {
public:
    LifeSockets(std::shared_ptr<const LifeTools> tools, lb::ReseatOrder order, std::uint32_t backend)
        : tools_(std::move(tools)), order_(order), backend_(backend), index_(*tools_->programs) {}

    Look look(bool last) const;

private:
    std::vector<Flow> flows(Look& found) const;
    void add_owned(std::vector<Flow>& flows, Look& found) const;
    void look_at_udp(std::uint64_t netns, std::vector<Flow> flows, bool last, Look& found) const;
    Result<std::vector<Flow>> connected(SockDiag& diag, const std::vector<Flow>& flows, Look& found) const;

    std::shared_ptr<const LifeTools> tools_;
    lb::ReseatOrder order_;
    std::uint32_t backend_;
    FlowIndex index_;
};

void add(Look& found, std::vector<Flow> flows, State state, const std::string& why = {}) {
    for (Flow& flow : flows) found.targets.push_back({.flow = std::move(flow), .state = state, .why = why});
}

Look LifeSockets::look(bool last) const {
    Look found;
    std::map<std::uint64_t, std::vector<Flow>> udp;  // by network namespace
    for (Flow& flow : flows(found)) {
        if (flow.is_udp()) {
            if (order_.udp != lb::UdpFate::keep) udp[flow.netns].push_back(std::move(flow));
        } else if (order_.terminate_tcp) {
            const State state = order_.quiet_for > Duration::zero() ? State::undecided
                                : flow.indexed()                    ? State::open
                                                                    : State::unseen;
            found.targets.push_back({.flow = std::move(flow), .state = state});
        }
    }
    for (auto& [netns, flows] : udp) {
        try {
            look_at_udp(netns, flows, last, found);
        } catch (const std::exception& error) {  // no reason to leave the other namespaces
            add(found, std::move(flows), State::failed, error.what());
        }
    }
    return found;
}

std::vector<Flow> LifeSockets::flows(Look& found) const {
    const lb_backend& element = tools_->programs->backends[backend_];
    if (element.life != order_.life) return {};  // retired meanwhile
    std::vector<Flow> flows;
    if (tools_->only != Engine::diag) flows = index_.of_life(backend_, order_.life);
    const bool overflow = __atomic_load_n(&element.overflow, __ATOMIC_RELAXED) != 0;
    if ((overflow && tools_->only != Engine::tuple) || tools_->only == Engine::diag) add_owned(flows, found);
    return flows;
}

/// What the index had no room for. Where a socket is connected from, and whether it is, shows later.
void LifeSockets::add_owned(std::vector<Flow>& flows, Look& found) const {
    const lb_endpoint backend = tools_->programs->backends[backend_].endpoint;
    const auto owned = owned_sockets(*tools_->programs, order_.life);
    if (!owned) return add(found, {Flow()}, State::failed, owned.error().message);
    std::unordered_set<std::uint64_t> known;
    for (const Flow& flow : flows) known.insert(flow.cookie);
    for (const lb_owned& socket : *owned) {
        if (known.contains(socket.cookie) || life_of(socket.owner, backend) != order_.life) continue;
        flows.push_back({.cookie = socket.cookie,
                         .life = order_.life,
                         .netns = socket.netns,
                         .remote = backend,
                         .pid = socket.owner.pid,
                         .subflow = (socket.owner.flags & LB_OWNER_MULTIPATH) != 0});
    }
}

void LifeSockets::look_at_udp(std::uint64_t netns, std::vector<Flow> flows, bool last, Look& found) const {
    std::string why;
    const auto diag = tools_->namespaces->channel(netns, flows.front().pid, why);
    if (!diag) {
        add(found, std::move(flows), State::unreachable, why);
        found.why = why;
        return;
    }
    if (last)  // it was bound to a device meanwhile, say: look for all of them afresh
        for (Flow& flow : flows) flow.inode = 0;
    if (auto resolved = resolve_udp(*diag, flows); !resolved)
        return add(found, std::move(flows), State::failed, resolved.error().message);
    std::erase_if(flows, [&](const Flow& flow) {
        found.again |= !flow.resolved() && flow.indexed();
        return !flow.resolved();
    });
    if (order_.udp != lb::UdpFate::repoint) return add(found, std::move(flows), State::open);
    // The last look has just seen each of them by its cookie: a twin with the same tuple, which may have been
    // moved to a new life of the same address, hides none.
    if (last) return add(found, std::move(flows), State::undecided);
    auto there = connected(*diag, flows, found);
    if (!there) return add(found, std::move(flows), State::failed, there.error().message);
    add(found, std::move(*there), State::undecided);
}

/// Those that are connected to the backend now. The others: unconnected, connected elsewhere, not through
/// with connecting, hidden behind a twin, or what is on record of them is out of date.
Result<std::vector<Flow>> LifeSockets::connected(SockDiag& diag, const std::vector<Flow>& flows,
                                                 Look& found) const {
    std::vector<SocketTuple> tuples;
    for (const Flow& flow : flows) tuples.push_back(flow.tuple());
    const auto sockets = diag.find(tuples);
    if (!sockets) return sockets.error();
    std::vector<Flow> there;
    for (std::size_t i = 0; i < flows.size(); ++i) {
        found.again |= !(*sockets)[i];
        if ((*sockets)[i]) there.push_back(flows[i]);
    }
    return there;
}

}  // namespace

Task<lb::TerminationReport> LifeOrders::reseat(lb::ReseatOrder order, std::uint32_t backend) {
    Order work;
    work.look = [sockets = std::make_shared<const LifeSockets>(tools_, order, backend)](bool last) {
        return sockets->look(last);
    };
    const bool udp = tools_->programs->backends[backend].endpoint.protocol == IPPROTO_UDP;
    if (udp)
        work.first_step = std::make_shared<RepointStep>(tools_);
    else
        work.first_step = std::make_shared<QuietStep>(tools_->namespaces, order.quiet_for);
    work.spread = udp ? Duration::zero() : order.spread;
    work.whole_life = true;
    Task<std::vector<lb::TerminationReport>> run = executor_.run(std::move(work));
    const auto reports = co_await std::move(run);
    co_return reports.front();
}

}  // namespace reseat::bpf
