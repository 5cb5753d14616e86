// SPDX-License-Identifier: Apache-2.0
#include "bpf/orders/end_sockets.hpp"

#include "bpf/workers/supervised.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

/// One look at once, and so long after the one before. After one that found nothing only the last one
/// follows, for a connect that was let through and has not arrived yet.
constexpr std::array<Duration, 4> kLooks = {0ms, 1ms, 10ms, 100ms};
constexpr std::size_t kBatch = 128;  // small, so that little time passes between the look and the end

std::vector<SocketTuple> tuples_of(std::span<const Target> targets) {
    std::vector<SocketTuple> tuples;
    for (const Target& target : targets) tuples.push_back(target.tuple);
    return tuples;
}

std::vector<Flow> flows_of(std::span<const Target> targets) {
    std::vector<Flow> flows;
    for (const auto& [tuple, report, netns] : targets) {
        Flow flow;
        flow.cookie = tuple.cookie;
        flow.local = tuple.local;
        flow.remote = tuple.remote;
        flows.push_back(flow);
    }
    return flows;
}

struct Work final : Supervised {
    std::shared_ptr<NetNamespaces> namespaces;
    std::shared_ptr<StuckSockets> stuck;
    FindTargets find;
    std::vector<lb::TerminationReport> reports;
    std::vector<Target> targets;  ///< found, not tried yet
    std::vector<Target> current;  ///< in the hands of the step that runs now
    std::unordered_set<std::uint64_t> seen;
    bool found_any = false;  ///< that were worth a try, by the last look
    TimePoint start = std::chrono::steady_clock::now();
    TimePoint last_done = start;

    void look();
    Result<std::vector<Target>> find_in(SockDiag& channel) const;
    void end(Baton& baton, std::size_t most);
    void failed(const std::string& why) override;
    void take(std::size_t most);
    void settle_suspects(SockDiag& diag);
    void done(const Target& target);
    void failed(const Target& target, const std::string& why);
};

/// What goes wrong in one network namespace is no reason to leave the others.
Result<std::vector<Target>> Work::find_in(SockDiag& channel) const {
    try {
        return find(channel);
    } catch (const std::exception& error) {
        return Error{ErrorCode::failed, error.what()};
    }
}

void Work::look() {
    targets.clear();
    for (auto& report : reports) report.failed = 0;  // those that are left are found again
    for (const auto& channel : namespaces->channels_of_workload()) {
        const auto found = find_in(*channel);
        if (!found)
            for (auto& report : reports) report.first_failure = found.error().message;
        else
            for (const Target& target : *found)
                targets.push_back({target.tuple, target.report, channel->netns()});
    }
    for (const Target& target : targets)
        if (seen.insert(target.tuple.cookie).second) ++reports[target.report].matched;
    std::erase_if(targets, [this](const Target& target) {
        const bool waited_for = stuck->contains(target.tuple.cookie);
        if (waited_for) failed(target, kLocked);
        return waited_for;
    });
    found_any = !targets.empty();
}

void Work::done(const Target& target) {
    ++reports[target.report].terminated;
    last_done = std::chrono::steady_clock::now();
}

void Work::failed(const Target& target, const std::string& why) {
    auto& report = reports[target.report];
    ++report.failed;
    if (report.first_failure.empty()) report.first_failure = why;
}

void Work::failed(const std::string& why) {
    for (const Target& target : current) failed(target, why);
    current.clear();
    suspects.clear();
}

/// The next ones, all of one network namespace.
void Work::take(std::size_t most) {
    const auto end = targets.begin() + static_cast<std::ptrdiff_t>(std::min({most, targets.size(), kBatch}));
    const auto other = std::find_if(
        targets.begin(), end, [this](const Target& target) { return target.netns != targets.front().netns; });
    current.assign(targets.begin(), other);
    targets.erase(targets.begin(), other);
}

/// The first that is still there is the one that the other worker waits for; those before it were ended,
/// those behind it are still wanted.
void Work::settle_suspects(SockDiag& diag) {
    if (suspects.empty()) return;
    std::unordered_set<std::uint64_t> tried;
    for (const Flow& flow : std::exchange(suspects, {})) tried.insert(flow.cookie);
    std::erase_if(current, [&](const Target& target) { return !tried.contains(target.tuple.cookie); });
    const auto found = diag.find(tuples_of(current));
    if (!found) return failed(found.error().message);
    std::vector<Target> left;
    bool first = true;
    for (std::size_t i = 0; i < current.size(); ++i) {
        if (!(*found)[i]) {
            done(current[i]);
        } else if (std::exchange(first, false)) {
            stuck->add(current[i].tuple.cookie, waiting);
            failed(current[i], kLocked);
        } else {
            left.push_back(current[i]);
        }
    }
    current = std::move(left);
}

void Work::end(Baton& baton, std::size_t most) {
    if (current.empty()) take(most);
    std::string why;
    const auto diag = namespaces->channel(current.front().netns, 0, why);
    if (!diag) return failed(why);
    settle_suspects(*diag);
    const auto there = diag->find(tuples_of(current));
    if (!there) return failed(there.error().message);
    std::vector<Target> live;
    for (std::size_t i = 0; i < current.size(); ++i)
        if ((*there)[i]) live.push_back(current[i]);
    current = std::move(live);
    if (current.empty()) return;
    const auto errors = baton.blocking(flows_of(current),
                                       [diag, tuples = tuples_of(current)] { return diag->destroy(tuples); });
    if (!errors) return failed(errors.error().message);
    for (std::size_t i = 0; i < current.size(); ++i) {
        const int error = (*errors)[i];
        if (error == 0)
            done(current[i]);
        else if (error != ENOENT)  // that one: it closed by itself just now
            failed(current[i], std::string("SOCK_DESTROY: ") + std::strerror(error));
    }
    current.clear();
}

}  // namespace

Task<std::vector<lb::TerminationReport>> end_sockets(Workers& workers,
                                                     std::shared_ptr<NetNamespaces> namespaces,
                                                     std::shared_ptr<StuckSockets> stuck, FindTargets find,
                                                     std::size_t reports, std::optional<Duration> spread) {
    auto work = std::make_shared<Work>();
    work->namespaces = std::move(namespaces);
    work->stuck = std::move(stuck);
    work->find = std::move(find);
    work->reports.resize(reports);
    for (std::size_t i = 0; i < kLooks.size(); ++i) {
        const bool last = i + 1 == kLooks.size();
        if (i > 0 && !last && !work->found_any) continue;
        if (i > 0) co_await sleep_for(kLooks[i]);
        Task<void> look = on_worker(workers, [work] { work->look(); });
        co_await std::move(look);
        std::function<std::size_t()> left = [work] { return work->targets.size(); };
        std::function<void(const std::shared_ptr<Baton>&, std::size_t)> end =
            [work](const auto& baton, std::size_t most) { work->end(*baton, most); };
        Task<void> ended = supervise_paced(workers, work, spread, std::move(left), std::move(end));
        co_await std::move(ended);
    }
    for (auto& report : work->reports)
        report.duration = report.matched ? work->last_done - work->start : Duration::zero();
    co_return work->reports;
}

}  // namespace reseat::bpf
