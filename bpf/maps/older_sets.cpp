// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/older_sets.hpp"

#include <algorithm>

namespace reseat::bpf {
namespace {

std::uint64_t load(const __u64& word) {
    return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

/// Counters stay far below 2^62, on either side of what they start from: see LB_COUNTED_APART.
bool is_apart(std::uint64_t count) {
    return ((count + (LB_COUNTED_APART >> 1)) & LB_COUNTED_APART) != 0;
}

bool same_life(const MappedArray<lb_backend>& a, const MappedArray<lb_backend>& b, std::uint32_t element) {
    return element < a.size() && element < b.size() && a[element].life != 0 &&
           a[element].life == b[element].life;
}

void add_once(__u64& count, const __u64& before) {
    if (is_apart(load(count))) __atomic_fetch_add(&count, load(before) - LB_COUNTED_APART, __ATOMIC_RELAXED);
}

}  // namespace

std::uint64_t OlderSets::sum(std::uint32_t element, Counter counter) const {
    std::uint64_t sum = load(current_[element].*counter);
    if (!is_apart(sum)) return sum;
    sum -= LB_COUNTED_APART;
    for (auto set = sets_.rbegin(); set != sets_.rend() && same_life(*set, current_, element); ++set) {
        const std::uint64_t count = load((*set)[element].*counter);
        if (!is_apart(count)) return sum + count;
        sum += count - LB_COUNTED_APART;
    }
    return sum;
}

void OlderSets::set_state(std::uint32_t element, std::uint32_t state) {
    __atomic_store_n(&current_[element].state, state, __ATOMIC_SEQ_CST);
    for (const auto& set : sets_)
        if (same_life(set, current_, element)) __atomic_store_n(&set[element].state, state, __ATOMIC_SEQ_CST);
}

void OlderSets::fold() {
    for (std::size_t i = 0; i < sets_.size(); ++i) {
        const auto& before = sets_[i];
        const auto& after = i + 1 < sets_.size() ? sets_[i + 1] : current_;
        for (std::uint32_t element = 0; element < before.size(); ++element) {
            if (!same_life(before, after, element)) continue;
            add_once(after[element].open, before[element].open);
            add_once(after[element].left, before[element].left);
            add_once(after[element].connects, before[element].connects);
            const std::uint64_t missed = load(before[element].overflow),
                                known = load(after[element].overflow);
            if (missed > known)
                __atomic_fetch_add(&after[element].overflow, missed - known, __ATOMIC_RELAXED);
        }
    }
    sets_.clear();
}

}  // namespace reseat::bpf
