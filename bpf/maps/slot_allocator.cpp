// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/slot_allocator.hpp"

#include <iterator>

namespace reseat::bpf {

SlotAllocator::SlotAllocator(std::uint32_t size) {
    free_.emplace(0, size);
}

std::optional<std::uint32_t> SlotAllocator::allocate(std::uint32_t length) {
    for (auto region = free_.begin(); region != free_.end(); ++region) {
        const auto [offset, room] = *region;
        if (room < length) continue;
        free_.erase(region);
        if (room > length) free_.emplace(offset + length, room - length);
        return offset;
    }
    return std::nullopt;
}

void SlotAllocator::release(std::uint32_t offset, std::uint32_t length) {
    if (length == 0) return;
    auto region = free_.emplace(offset, length).first;
    if (auto after = std::next(region); after != free_.end() && offset + length == after->first) {
        region->second += after->second;
        free_.erase(after);
    }
    if (region == free_.begin()) return;
    auto before = std::prev(region);
    if (before->first + before->second == region->first) {
        before->second += region->second;
        free_.erase(region);
    }
}

}  // namespace reseat::bpf
