// SPDX-License-Identifier: Apache-2.0
#include "bpf/end_sockets.hpp"

#include "bpf/pace.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <unordered_set>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

/// One look at once, and so long after the one before.
constexpr std::array<lb::Duration, 4> kLooks = {0ms, 1ms, 10ms, 100ms};
constexpr std::size_t kBatch = 128;  // small, so that little time passes between the look and the end

/// Shared with the thread, which may be at it while whoever awaits the end goes away.
struct Work {
    std::shared_ptr<NetNamespaces> namespaces;
    FindTargets find;
    std::vector<std::shared_ptr<SockDiag>> channels;
    std::vector<lb::TerminationReport> reports;
    std::vector<Target> targets;
    std::unordered_set<std::uint64_t> seen;
    lb::TimePoint start = std::chrono::steady_clock::now();
    lb::TimePoint last_done = start;

    void look();
    void end(std::span<const Target> batch);
    void failed(const Target& target, const std::string& why);
};

void Work::look() {
    targets.clear();
    for (auto& report : reports) report.failed = 0;  // those that are left are found again
    channels = namespaces->channels_of_workload();
    for (std::size_t channel = 0; channel < channels.size(); ++channel) {
        const auto found = find(*channels[channel]);
        if (!found)
            for (auto& report : reports) report.first_failure = found.error().message;
        else
            for (const Target& target : *found) targets.push_back({target.tuple, target.report, channel});
    }
    for (const Target& target : targets)
        if (seen.insert(target.tuple.cookie).second) ++reports[target.report].matched;
}

void Work::failed(const Target& target, const std::string& why) {
    auto& report = reports[target.report];
    ++report.failed;
    if (report.first_failure.empty()) report.first_failure = why;
}

/// Of one channel.
void Work::end(std::span<const Target> batch) {
    SockDiag& diag = *channels[batch.front().channel];
    std::vector<SocketTuple> tuples;
    for (const Target& target : batch) tuples.push_back(target.tuple);
    const auto there = diag.find(tuples);
    std::vector<Target> live;
    tuples.clear();
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (!there) failed(batch[i], there.error().message);
        if (!there || !(*there)[i]) continue;
        live.push_back(batch[i]);
        tuples.push_back(batch[i].tuple);
    }
    if (live.empty()) return;
    const auto errors = diag.destroy(tuples);
    for (std::size_t i = 0; i < live.size(); ++i) {
        const int error = errors ? (*errors)[i] : EIO;
        if (error == 0) {
            ++reports[live[i].report].terminated;
            last_done = std::chrono::steady_clock::now();
        } else if (error != ENOENT) {  // that one: it closed by itself just now
            failed(live[i],
                   errors ? std::string("SOCK_DESTROY: ") + std::strerror(error) : errors.error().message);
        }
    }
}

std::size_t batch_size(std::span<const Target> targets) {
    const auto other = std::ranges::find_if(
        targets, [&](const Target& target) { return target.channel != targets.front().channel; });
    return std::min<std::size_t>(kBatch, static_cast<std::size_t>(other - targets.begin()));
}

lb::Task<void> end_all(Workers& workers, std::shared_ptr<Work> work, std::optional<lb::Duration> spread) {
    const Pace pace(spread, work->targets.size(), std::chrono::steady_clock::now());
    for (std::size_t done = 0; done < work->targets.size();) {
        const std::size_t due = pace.due(std::chrono::steady_clock::now());
        if (due > done) {
            const std::size_t size = batch_size(std::span(work->targets).subspan(done, due - done));
            lb::Task<void> step =
                on_worker(workers, [=] { work->end(std::span(work->targets).subspan(done, size)); });
            co_await std::move(step);
            done += size;
        } else {
            co_await lb::sleep_for(Pace::tick());
        }
    }
}

}  // namespace

lb::Task<std::vector<lb::TerminationReport>> end_sockets(Workers& workers,
                                                         std::shared_ptr<NetNamespaces> namespaces,
                                                         FindTargets find, std::size_t reports,
                                                         std::optional<lb::Duration> spread) {
    auto work = std::make_shared<Work>();
    work->namespaces = std::move(namespaces);
    work->find = std::move(find);
    work->reports.resize(reports);
    for (const lb::Duration pause : kLooks) {
        if (pause > 0ms) co_await lb::sleep_for(pause);
        lb::Task<void> look = on_worker(workers, [work] { work->look(); });
        co_await std::move(look);
        lb::Task<void> end = end_all(workers, work, spread);
        co_await std::move(end);
    }
    for (auto& report : work->reports)
        report.duration = report.matched ? work->last_done - work->start : lb::Duration::zero();
    co_return work->reports;
}

}  // namespace reseat::bpf
