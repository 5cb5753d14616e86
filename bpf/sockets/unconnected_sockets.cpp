// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/unconnected_sockets.hpp"

#include "base/run_on.hpp"
#include "bpf/sockets/udp_resolver.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBetweenLooks = 1s;
constexpr std::chrono::nanoseconds kUnderWay = 3s;

constexpr Duration kTick = 500ms;
constexpr int kRest = 50;
constexpr Duration kLongestPause = 30s;

struct Leaving {
    FiledLife life;
    TimePoint next{};
    Duration pause{};
    UnconnectedSockets unconnected;
    bool has_sockets = false;  ///< at the last look
};
using Due = std::vector<Leaving*>;

/// One dump for all of them.
void look_at(const Programs& programs, NetNamespaces& namespaces, const Due& lives) {
    std::vector<FiledLife> filed;
    for (const Leaving* one : lives) filed.push_back(one->life);
    std::map<std::uint64_t, std::vector<Flow>> groups;
    std::unordered_map<lb::LifeId, std::vector<Flow>> found;
    FlowIndex(programs).each_of_lives(filed, [&](Flow flow) {
        found.try_emplace(flow.life);
        flow.inode = 0;  // to be looked for afresh
        groups[flow.netns].push_back(std::move(flow));
    });
    for (Leaving* one : lives) one->has_sockets = found.contains(one->life.life);
    for (auto& [netns, group] : groups) {
        if (!resolve_udp_in(namespaces, netns, group)) continue;
        for (const Flow& flow : group) found[flow.life].push_back(flow);
    }
    for (Leaving* one : lives) one->unconnected.let_go(found[one->life.life]);
}

/// The lives that are looked at, and when.
class Schedule {
public:
    explicit Schedule(const Programs& programs) : programs_(programs) {}

    Due due(const std::vector<FiledLife>& leaving, TimePoint now) {
        std::unordered_map<lb::LifeId, std::unique_ptr<Leaving>> kept;
        Due found;
        for (const FiledLife& life : leaving) {
            auto& entry = kept[life.life] = std::move(entries_[life.life]);
            if (!entry) entry.reset(new Leaving{.life = life, .unconnected = UnconnectedSockets(programs_)});
            if (entry->next <= now) found.push_back(entry.get());
        }
        entries_ = std::move(kept);
        return found;
    }

    /// One without sockets is due more and more rarely: it may stay so for days.
    static void looked(const Due& lives, Duration took, TimePoint now) {
        const Duration least = std::max<Duration>(kBetweenLooks, kRest * took);
        for (Leaving* one : lives) {
            one->pause = one->has_sockets ? least : std::max(least, std::min(2 * one->pause, kLongestPause));
            one->next = now + one->pause;
        }
    }

private:
    const Programs& programs_;
    std::unordered_map<lb::LifeId, std::unique_ptr<Leaving>> entries_;
};

}  // namespace

std::size_t UnconnectedSockets::let_go(std::span<const Flow> flows) {
    const auto before = std::exchange(suspects_, {});
    const TimePoint now = std::chrono::steady_clock::now();
    std::vector<Flow> gone;
    for (const Flow& flow : flows) {
        if (flow.resolved()) continue;
        const std::pair entry{flow.cookie, flow.tag};
        const auto known = before.find(entry);
        const TimePoint since = known == before.end() ? now : known->second;
        if (now - since >= kBetweenLooks && flow.age() >= kUnderWay)
            gone.push_back(flow);
        else
            suspects_.emplace(entry, since);
    }
    index_.remove(gone);
    return gone.size();
}

Task<void> let_go_of_unconnected(const Programs& programs, NetNamespaces& namespaces, asio::thread_pool& pool,
                                 std::function<std::vector<FiledLife>()> leaving) {
    auto look = [](const Programs& all, NetNamespaces& in, Due lives) -> Task<bool> {
        look_at(all, in, lives);
        co_return true;
    };
    Schedule schedule(programs);
    while (true) {
        co_await sleep_for(kTick);
        const auto start = std::chrono::steady_clock::now();
        const Due due = schedule.due(leaving(), start);
        if (due.empty()) continue;
        auto task = look(programs, namespaces, due);
        co_await run_on(pool, std::move(task));
        const auto end = std::chrono::steady_clock::now();
        Schedule::looked(due, end - start, end);
    }
}

}  // namespace reseat::bpf
