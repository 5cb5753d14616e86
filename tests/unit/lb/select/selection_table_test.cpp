// SPDX-License-Identifier: Apache-2.0
#include "lb/select/selection_table.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <random>

using namespace reseat;
using namespace reseat::lb;
using Semaphore = std::vector<std::uint32_t>;

namespace {

constexpr std::size_t kShortTable = 4096;

Semaphore table(std::vector<unsigned> weights) {
    return smooth_weighted(weights);
}
Semaphore table(std::vector<unsigned> weights, std::size_t max_slots) {
    return smooth_weighted(weights, max_slots);
}

std::vector<unsigned> counts(const Semaphore& slots, std::size_t items) {
    std::vector<unsigned> result(items);
    for (const auto slot : slots) ++result.at(slot);
    return result;
}

/// The textbook algorithm, one item at a time.
Semaphore nginx(const std::vector<unsigned>& weights) {
    const auto total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
    std::vector<std::int64_t> current(weights.size());
    Semaphore slots;
    for (std::int64_t n = 0; n < total; ++n) {
        for (std::size_t i = 0; i < weights.size(); ++i) current[i] += weights[i];
        const auto best = std::ranges::max_element(current);
        *best -= total;
        slots.push_back(static_cast<std::uint32_t>(best - current.begin()));
    }
    return slots;
}

}  // namespace

TEST_CASE("weights 5, 1, 1 come in nginx's order: a a b a c a a", "[selection]") {
    CHECK(table({5, 1, 1}) == Semaphore{0, 0, 1, 0, 2, 0, 0});
}

TEST_CASE("equal weights take turns, whatever the weight", "[selection]") {
    CHECK(table({7, 7, 7}) == Semaphore{0, 1, 2});
    CHECK(table({4'000'000'000, 4'000'000'000}) == Semaphore{0, 1});
}

TEST_CASE("weight 0 gets no slot; nobody eligible is an empty table", "[selection]") {
    CHECK(table({0, 2, 0, 2}) == Semaphore{1, 3});
    CHECK(table({0, 0}).empty());
    CHECK(table({}).empty());
    CHECK(table({1, 1}, 0).empty());
}

TEST_CASE("a table is as long as the weights' sum over their gcd", "[selection]") {
    CHECK(table({100, 50, 25}).size() == 7);
    CHECK(table({3, 5}).size() == 8);
}

TEST_CASE("the order is that of the textbook algorithm, for any weights", "[selection]") {
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        std::vector<unsigned> weights(1 + random() % 12);
        for (auto& weight : weights) weight = random() % 9;
        weights.push_back(1);  // gcd 1
        CHECK(table(weights) == nginx(weights));
    }
}

TEST_CASE("each gets slots in proportion to its weight, in any stretch of the table", "[selection]") {
    const std::vector<unsigned> weights = {13, 1, 6, 6, 2};
    const auto slots = table(weights);
    CHECK(counts(slots, weights.size()) == weights);
    std::vector<double> picked(weights.size());
    for (std::size_t n = 0; n < slots.size(); ++n) {
        picked[slots[n]] += 1;
        for (std::size_t i = 0; i < weights.size(); ++i)
            CHECK(std::abs(picked[i] - weights[i] * (n + 1.0) / 28.0) < 2.0);
    }
}

TEST_CASE("too long a table is scaled down and nobody loses its last slot", "[selection]") {
    const auto slots = table({1'000'000, 1, 500'000});
    CHECK(slots.size() <= kShortTable);
    const auto got = counts(slots, 3);
    CHECK(got[1] == 1);
    CHECK(got[0] == Approx(2.0 * got[2]).epsilon(0.01));

    std::vector<unsigned> prime(1000, 1009);
    prime[0] = std::numeric_limits<unsigned>::max();
    const auto skewed = counts(table(prime, kShortTable), prime.size());
    CHECK(std::ranges::all_of(skewed, [](unsigned n) { return n >= 1; }));
    CHECK(skewed[0] > 3000);
}

TEST_CASE("more backends than slots: the heaviest get one each", "[selection]") {
    CHECK(table({1, 5, 1, 7, 3}, 2) == Semaphore{1, 3});
    CHECK(table(std::vector<unsigned>(100'000, 1)).size() == 65'536);
}

TEST_CASE("a table has at most 32 slots for each backend, from 4,096 to 65,536", "[selection]") {
    CHECK(most_slots(1) == 4096);
    CHECK(most_slots(128) == 4096);
    CHECK(most_slots(2000) == 64'000);
    CHECK(most_slots(10'000) == 65'536);
}

TEST_CASE("a share is off by one slot and a 32nd of itself at the most, however odd the weights",
          "[selection]") {
    std::mt19937 random(3);
    for (const std::size_t backends : {3U, 150U, 2000U}) {
        for (int round = 0; round < 5; ++round) {
            std::vector<unsigned> weights(backends);
            for (auto& weight : weights) weight = 1 + 2 * (random() % 100'000);
            const auto slots = table(weights);
            REQUIRE(slots.size() <= most_slots(backends));
            const auto got = counts(slots, backends);
            const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
            for (std::size_t i = 0; i < backends; ++i) {
                const double meant = weights[i] / total * static_cast<double>(slots.size());
                REQUIRE(std::abs(got[i] - meant) <= 1.0 + meant / 32);
            }
        }
    }
}

TEST_CASE("in a table too long for nginx's order each backend comes at equal distances", "[selection]") {
    std::mt19937 random(4);
    std::vector<unsigned> weights(500);
    for (auto& weight : weights) weight = 1 + random() % 256;
    const auto slots = table(weights);
    REQUIRE(slots.size() > 4096);
    const auto got = counts(slots, weights.size());
    std::vector<double> picked(weights.size());
    for (std::size_t n = 0; n < slots.size(); ++n) {
        picked[slots[n]] += 1;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const double due = static_cast<double>(got[i]) * (static_cast<double>(n) + 1) / slots.size();
            if (std::abs(picked[i] - due) >= 2) FAIL(i << " has " << picked[i] << " of " << due);
        }
    }
}

TEST_CASE("a random index picks in proportion to weight: chi-square over 100,000 picks", "[selection]") {
    const std::vector<unsigned> weights = {1, 2, 5, 13, 40, 0, 256};
    const auto slots = table(weights);
    std::mt19937 random(5);
    std::vector<unsigned> picked(weights.size());
    constexpr unsigned kPicks = 100'000;
    for (unsigned i = 0; i < kPicks; ++i) ++picked[slots[random() % slots.size()]];
    double chi_square = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double meant = kPicks * weights[i] / 317.0;
        if (meant > 0) chi_square += (picked[i] - meant) * (picked[i] - meant) / meant;
    }
    CHECK(picked[5] == 0);
    CHECK(chi_square < 20.5);  // 5 degrees of freedom: exceeded once in a thousand
}

TEST_CASE("any weights: within the cap, all non-zero ones present, same input same table", "[selection]") {
    std::mt19937 random(2);
    for (int round = 0; round < 100; ++round) {
        std::vector<unsigned> weights(1 + random() % 300);
        for (auto& weight : weights) weight = random() % 4 ? random() % 100'000 : 0;
        const auto slots = table(weights, 512);
        CHECK(slots.size() <= 512);
        CHECK(slots == table(weights, 512));
        const auto got = counts(slots, weights.size());
        for (std::size_t i = 0; i < weights.size(); ++i) CHECK((got[i] > 0) == (weights[i] > 0));
    }
}
