// SPDX-License-Identifier: Apache-2.0
#include "lb/select/selection_table.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace reseat::lb {
namespace {

constexpr std::size_t kFewestSlots = 4096;
constexpr std::size_t kMostSlots = 65'536;
constexpr std::size_t kSlotsPerBackend = 32;

struct Item {
    std::uint32_t position;
    std::uint64_t weight;
};

/// Items of one weight. The next pick among them is always the one that was picked least, the first of
/// those: they simply take turns, so that choosing costs by distinct weights and not by items. Distinct
/// weights that sum up to 4096 are fewer than 91.
struct Group {
    std::uint64_t weight;
    std::vector<std::uint32_t> positions;  ///< ascending
    std::size_t next = 0;
    std::int64_t rounds = 0;

    /// nginx's `current_weight` of the next item after `picks` picks.
    std::int64_t current(std::int64_t picks, std::int64_t total) const {
        return (picks + 1) * static_cast<std::int64_t>(weight) - rounds * total;
    }

    std::uint32_t take() {
        const auto position = positions[next++];
        if (next == positions.size()) {
            next = 0;
            ++rounds;
        }
        return position;
    }
};

std::uint64_t sum(const std::vector<Item>& items) {
    std::uint64_t total = 0;
    for (const auto& item : items) total += item.weight;
    return total;
}

void divide_by_gcd(std::vector<Item>& items) {
    std::uint64_t divisor = 0;
    for (const auto& item : items) divisor = std::gcd(divisor, item.weight);
    for (auto& item : items) item.weight /= divisor;
}

/// Lightest first: one that would get less than one slot gets one, the rest is shared out by weight.
void scale_down(std::vector<Item>& items, std::uint64_t slots) {
    std::ranges::stable_sort(items, std::less{}, &Item::weight);
    if (items.size() > slots) items.erase(items.begin(), items.end() - static_cast<std::ptrdiff_t>(slots));
    auto total = sum(items);
    auto item = items.begin();
    for (; item != items.end() && item->weight * slots < total; ++item) {
        total -= item->weight;
        --slots;
        item->weight = 1;
    }
    for (; item != items.end(); ++item) item->weight = item->weight * slots / total;
    std::ranges::sort(items, std::less{}, &Item::position);
}

std::vector<Group> group_by_weight(const std::vector<Item>& items) {
    std::map<std::uint64_t, std::vector<std::uint32_t>> positions;
    for (const auto& item : items) positions[item.weight].push_back(item.position);
    std::vector<Group> groups;
    for (auto& [weight, members] : positions) groups.push_back({weight, std::move(members)});
    return groups;
}

/// As nginx orders them.
std::vector<std::uint32_t> take_turns(const std::vector<Item>& items, std::uint64_t slots) {
    auto groups = group_by_weight(items);
    const auto total = static_cast<std::int64_t>(slots);
    std::vector<std::uint32_t> order;
    order.reserve(slots);
    for (std::int64_t picks = 0; picks < total; ++picks) {
        auto best = std::ranges::max_element(groups, [&](const Group& a, const Group& b) {
            const auto due_a = a.current(picks, total);
            const auto due_b = b.current(picks, total);
            return due_a != due_b ? due_a < due_b : a.positions[a.next] > b.positions[b.next];
        });
        order.push_back(best->take());
    }
    return order;
}

/// Each item in the middle of equal parts of the table; sorted by counting.
std::vector<std::uint32_t> space_evenly(const std::vector<Item>& items, std::uint64_t slots) {
    const auto due = [&](const Item& item, std::uint64_t turn) {
        return (2 * turn + 1) * slots / (2 * item.weight);
    };
    std::vector<std::size_t> next(slots + 1);  // for those due at n: where they begin
    for (const auto& item : items)
        for (std::uint64_t turn = 0; turn < item.weight; ++turn) ++next[due(item, turn) + 1];
    std::partial_sum(next.begin(), next.end(), next.begin());
    std::vector<std::uint32_t> order(slots);
    for (const auto& item : items)
        for (std::uint64_t turn = 0; turn < item.weight; ++turn)
            order[next[due(item, turn)]++] = item.position;
    return order;
}

}  // namespace

std::size_t most_slots(std::size_t backends) {
    return std::clamp(kSlotsPerBackend * backends, kFewestSlots, kMostSlots);
}

std::vector<std::uint32_t> smooth_weighted(std::span<const unsigned> weights, std::size_t max_slots) {
    std::vector<Item> items;
    for (std::uint32_t i = 0; i < weights.size(); ++i)
        if (weights[i] != 0) items.push_back({i, weights[i]});
    if (items.empty() || max_slots == 0) return {};
    divide_by_gcd(items);
    if (sum(items) > max_slots) {
        scale_down(items, max_slots);
        divide_by_gcd(items);
    }

    const std::uint64_t slots = sum(items);
    return slots <= kFewestSlots ? take_turns(items, slots) : space_evenly(items, slots);
}

}  // namespace reseat::lb
