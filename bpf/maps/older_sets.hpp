// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/abi.h"
#include "bpf/maps/mapped_array.hpp"

#include <cstdint>
#include <vector>

namespace reseat::bpf {

/// The elements (lb_backends) of sets whose programs may still run while the next set has taken over: what
/// they say of a life that both know counts until a grace period has passed.
class OlderSets {
public:
    explicit OlderSets(MappedArray<lb_backend>& current) : current_(current) {}

    /// Ascending age: the last one added is the one before the current set.
    void add(MappedArray<lb_backend> set) { sets_.push_back(std::move(set)); }
    std::vector<MappedArray<lb_backend>> take() { return std::exchange(sets_, {}); }

    std::uint64_t open(std::uint32_t element) const { return sum(element, &lb_backend::open); }
    std::uint64_t left(std::uint32_t element) const { return sum(element, &lb_backend::left); }
    std::uint64_t connects(std::uint32_t element) const { return sum(element, &lb_backend::connects); }

    /// In all sets. What a program that saw the old state had noted before is in the current set afterwards.
    void set_state(std::uint32_t element, std::uint32_t state);
    /// None of their programs runs any more: adds what they counted to the current set, once.
    void fold();

private:
    using Counter = __u64 lb_backend::*;
    std::uint64_t sum(std::uint32_t element, Counter counter) const;

    MappedArray<lb_backend>& current_;
    std::vector<MappedArray<lb_backend>> sets_;
};

}  // namespace reseat::bpf
