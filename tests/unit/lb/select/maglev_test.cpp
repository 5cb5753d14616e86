// SPDX-License-Identifier: Apache-2.0
#include "lb/select/maglev.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <random>
#include <set>

using namespace reseat;
using namespace reseat::lb;

namespace {

using Table = std::vector<std::uint32_t>;

std::vector<MaglevBackend> backends(std::size_t count, unsigned weight = 1) {
    std::vector<MaglevBackend> all;
    for (std::size_t i = 0; i < count; ++i) {
        const auto high = static_cast<std::uint8_t>(i >> 8), low = static_cast<std::uint8_t>(i);
        all.push_back({{Address::v4({10, 0, high, low}), 5432}, weight});
    }
    return all;
}

std::vector<unsigned> counts(const Table& table, std::size_t items) {
    std::vector<unsigned> result(items);
    for (const auto slot : table) ++result.at(slot);
    return result;
}

/// Percent of the slots that change when `gone` do not get any more, their own not counted.
double disrupted(std::vector<MaglevBackend> all, const std::set<std::size_t>& gone, std::size_t size) {
    const Table before = maglev(all, size);
    for (const std::size_t one : gone) all[one].weight = 0;
    const Table after = maglev(all, size);
    std::size_t moved = 0;
    for (std::size_t i = 0; i < size; ++i) moved += !gone.contains(before[i]) && before[i] != after[i];
    return 100.0 * static_cast<double>(moved) / static_cast<double>(size);
}

bool is_prime(std::size_t number) {
    for (std::size_t i = 2; i * i <= number; ++i)
        if (number % i == 0) return false;
    return number > 1;
}

}  // namespace

TEST_CASE("a table's size is a prime, 100 slots for each backend or 65,537", "[maglev]") {
    for (std::size_t count = 0; count < 3000; ++count) {
        const std::size_t size = maglev_size(count);
        REQUIRE(is_prime(size));
        REQUIRE((size >= 100 * count || size == 65'537));
    }
    CHECK(maglev_size(3) == 1021);
    CHECK(maglev_size(2000) == 65'537);
}

TEST_CASE("with 100 slots for each, shares differ by 1 % at the most, as the paper has it", "[maglev]") {
    for (const std::size_t count : {2U, 10U, 40U, 163U, 655U}) {
        const auto [least, most] =
            std::ranges::minmax(counts(maglev(backends(count), maglev_size(count)), count));
        CHECK(most - least <= 1);  // whoever takes turns has as many, give or take one
        CHECK(most <= 1.01 * least);
    }
}

TEST_CASE("each gets slots by its weight, all of them one at least, weight 0 none", "[maglev]") {
    std::vector<MaglevBackend> all = backends(6);
    const std::vector<unsigned> weights = {5, 1, 0, 256, 100, 13};
    for (std::size_t i = 0; i < all.size(); ++i) all[i].weight = weights[i];
    const auto got = counts(maglev(all, 4093), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        const double meant = weights[i] / 375.0 * 4093;
        CHECK(std::abs(got[i] - meant) <= 1 + meant / 100);
        CHECK((got[i] > 0) == (weights[i] > 0));
    }
    std::vector<MaglevBackend> crowd = backends(2000);
    crowd[7].weight = 256;
    CHECK(std::ranges::min(counts(maglev(crowd, 65'537), 2000)) >= 1);
    CHECK(maglev(backends(3, 0), 1021).empty());
    CHECK(maglev({}, 1021).empty());
}

TEST_CASE("the table depends on the addresses alone: other orders and processes make the same", "[maglev]") {
    const std::vector<MaglevBackend> all = backends(20);
    std::vector<std::size_t> order(all.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::mt19937 random(1);
    std::ranges::shuffle(order, random);
    std::vector<MaglevBackend> shuffled;
    for (const std::size_t i : order) shuffled.push_back(all[i]);
    const Table one = maglev(all, 4093), other = maglev(shuffled, 4093);
    for (std::size_t i = 0; i < one.size(); ++i) REQUIRE(order[other[i]] == one[i]);
    // Whatever this version makes, the next must make as well: its clients would move at the upgrade.
    const Table three = maglev(backends(3), 1021);
    CHECK(Table(three.begin(), three.begin() + 24) ==
          Table{1, 0, 1, 1, 2, 0, 2, 0, 1, 2, 2, 1, 0, 0, 0, 2, 2, 1, 0, 0, 0, 2, 1, 1});
}

TEST_CASE("a backend that goes moves its own share and hardly more [E32]", "[maglev]") {
    // Beside the share of the one that goes, in percent of the table; the same when it comes back.
    struct Case {
        std::size_t count;
        double at_most;
    };
    for (const auto& [count, at_most] : {Case{3, 10}, Case{10, 5}, Case{100, 1.5}, Case{1000, 0.7}}) {
        INFO(count);
        const std::size_t tries = std::min<std::size_t>(count, 10);
        for (std::size_t i = 0; i < tries; ++i)
            CHECK(disrupted(backends(count), {i * count / tries}, maglev_size(count)) <= at_most);
    }
}

TEST_CASE(
    "1 % of 1,000 backends fail: the larger the table the fewer other keys move, as the paper has it [E32]",
    "[maglev]") {
    std::set<std::size_t> gone;
    for (std::size_t i = 0; i < 10; ++i) gone.insert(i * 97);
    const double small = disrupted(backends(1000), gone, 65'537);
    const double large = disrupted(backends(1000), gone, 655'373);
    CHECK(small <= 3);
    CHECK(large <= 1);
    CHECK(large < small);
}
