// SPDX-License-Identifier: Apache-2.0
// The evaluation of consistent hashing in Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
// Balancer" (NSDI 2016), section 5.3, done again with our table: 1,000 backends, tables of 65,537 and 655,373
// slots; Karger's ring with 1,000 views of each backend and rendezvous hashing beside it.
#include "bench/measurements.hpp"
#include "lb/select/maglev.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <random>

namespace reseat::bench {
namespace {

using Table = std::vector<std::uint32_t>;

constexpr std::size_t kBackends = 1000;
constexpr std::size_t kViews = 1000;

std::vector<lb::MaglevBackend> pool() {
    std::vector<lb::MaglevBackend> all;
    for (std::size_t i = 0; i < kBackends; ++i) {
        const auto high = static_cast<std::uint8_t>(i >> 8), low = static_cast<std::uint8_t>(i);
        all.push_back({{Address::v4({10, 0, high, low}), 5432}, 1});
    }
    return all;
}

/// splitmix64, Steele et al. 2014: for the peers alone.
std::uint64_t mixed(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}
std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
    return mixed(mixed(a) + b);
}

Table ring(std::size_t size) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> points;
    for (std::uint32_t backend = 0; backend < kBackends; ++backend)
        for (std::size_t view = 0; view < kViews; ++view)
            points.emplace_back(mixed(backend + 1, view), backend);
    std::ranges::sort(points);
    Table table;
    for (std::size_t i = 0; i < size; ++i) {
        const auto next = std::ranges::lower_bound(points, std::pair(mixed(0, i), std::uint32_t{0}));
        table.push_back(next == points.end() ? points.front().second : next->second);
    }
    return table;
}

Table rendezvous(std::size_t size) {
    Table table;
    for (std::size_t i = 0; i < size; ++i) {
        std::uint64_t highest = 0;
        std::uint32_t winner = 0;
        for (std::uint32_t backend = 0; backend < kBackends; ++backend)
            if (const std::uint64_t score = mixed(backend + 1, i); score >= highest)
                highest = score, winner = backend;
        table.push_back(winner);
    }
    return table;
}

/// By how much more than the mean the busiest backend has to be able to take, in percent.
double over_provision(const Table& table) {
    std::vector<double> counts(kBackends);
    for (const std::uint32_t slot : table) ++counts[slot];
    const double mean = static_cast<double>(table.size()) / kBackends;
    return 100 * (std::ranges::max(counts) / mean - 1);
}

Figure balance(const std::string& name, std::size_t size, const Table& table) {
    return {fmt::format("{}, {} slots: over-provision", name, size), "%", {over_provision(table)}};
}

/// Random `failures` fail at once, in percent of all slots: those of others that change, too.
Figure resilience(std::size_t failures, std::size_t size, unsigned rounds) {
    Figure moved{fmt::format("{:.1f} % fail, {} slots: other backends' slots that change",
                             100.0 * static_cast<double>(failures) / kBackends, size),
                 "%",
                 {}};
    std::mt19937 random(static_cast<unsigned>(failures));
    const auto all = pool();
    const Table before = lb::maglev(all, size);
    std::vector<std::size_t> order(kBackends);
    std::iota(order.begin(), order.end(), 0);
    for (unsigned round = 0; round < rounds; ++round) {
        std::ranges::shuffle(order, random);
        auto left = all;
        for (std::size_t i = 0; i < failures; ++i) left[order[i]].weight = 0;
        const Table after = lb::maglev(left, size);
        std::size_t changed = 0;
        for (std::size_t i = 0; i < size; ++i) changed += left[before[i]].weight > 0 && before[i] != after[i];
        moved.samples.push_back(100.0 * static_cast<double>(changed) / static_cast<double>(size));
    }
    return moved;
}

Figure generation(std::size_t size, unsigned rounds) {
    Figure time{fmt::format("maglev, {} slots: to make the table", size), "ms", {}};
    const auto all = pool();
    for (unsigned round = 0; round < rounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        const Table table = lb::maglev(all, size);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
        if (!table.empty()) time.samples.push_back(took.count());
    }
    return time;
}

}  // namespace

std::vector<Figure> consistent_hashing(bool quick) {
    std::vector<Figure> figures;
    for (const std::size_t size : {65'537, 655'373}) {
        figures.push_back(balance("maglev", size, lb::maglev(pool(), size)));
        figures.back().aim = Aim{Statistic::max, false, 2};
        figures.push_back(balance("Karger's ring", size, ring(size)));
        figures.push_back(balance("rendezvous", size, rendezvous(size)));
        figures.push_back(generation(size, quick ? 3 : 30));
        for (const std::size_t failures : {1, 5, 10, 20, 50})
            figures.push_back(resilience(failures, size, quick ? 3 : 200));
    }
    return figures;
}

}  // namespace reseat::bench
