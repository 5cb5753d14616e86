// SPDX-License-Identifier: Apache-2.0
#include "lb/select/maglev.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace reseat::lb {
namespace {

constexpr std::array<std::size_t, 4> kSizes = {1021, 4093, 16'381, 65'537};
constexpr std::size_t kSlotsPerBackend = 100;
constexpr std::uint32_t kFree = std::numeric_limits<std::uint32_t>::max();

/// MurmurHash3's finalizer.
std::uint64_t mix(std::uint64_t hash) {
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return hash ^ (hash >> 33);
}

/// FNV-1a.
std::uint64_t hash_of(const Endpoint& endpoint) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    const auto add = [&hash](unsigned byte) { hash = (hash ^ byte) * 0x100000001b3ULL; };
    for (const std::uint8_t byte : endpoint.address.bytes) add(byte);
    add(endpoint.port >> 8);
    add(endpoint.port & 0xff);
    return mix(hash);
}

/// One backend's way through the table: all slots, each once, as the size is prime.
struct Walk {
    std::uint32_t position;
    std::uint64_t weight;
    std::size_t at, step;
    std::uint64_t owed = 0;  ///< of a slot, in parts of the heaviest weight

    void move(std::size_t size) {
        at += step;
        if (at >= size) at -= size;
    }
};

std::vector<Walk> walks(std::span<const MaglevBackend> backends, std::size_t size) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < backends.size(); ++i)
        if (backends[i].weight > 0) order.push_back(i);
    std::ranges::sort(order, {}, [&](std::uint32_t i) { return backends[i].address; });
    std::vector<Walk> all;
    for (const std::uint32_t i : order) {
        const std::uint64_t hash = hash_of(backends[i].address);
        all.push_back({i, backends[i].weight, hash % size, mix(hash + 1) % (size - 1) + 1});
    }
    return all;
}

}  // namespace

std::size_t maglev_size(std::size_t backends) {
    const auto* size =
        std::ranges::find_if(kSizes, [&](std::size_t slots) { return slots >= kSlotsPerBackend * backends; });
    return size == kSizes.end() ? kSizes.back() : *size;
}

std::vector<std::uint32_t> maglev(std::span<const MaglevBackend> backends, std::size_t size) {
    std::vector<Walk> all = walks(backends, size);
    if (all.empty()) return {};
    const std::uint64_t heaviest = std::ranges::max_element(all, {}, &Walk::weight)->weight;
    std::vector<std::uint32_t> slots(size, kFree);
    std::size_t filled = 0;
    for (Walk& walk : all) walk.owed = heaviest - walk.weight;  // each has a slot in the first round
    while (true) {
        for (Walk& walk : all) {
            walk.owed += walk.weight;
            if (walk.owed < heaviest) continue;
            walk.owed -= heaviest;
            while (slots[walk.at] != kFree) walk.move(size);
            slots[walk.at] = walk.position;
            if (++filled == size) return slots;
        }
    }
}

}  // namespace reseat::lb
