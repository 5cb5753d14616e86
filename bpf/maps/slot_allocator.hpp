// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace reseat::bpf {

/// Hands out regions of lb_slots, first fit. Does not know which readers a region still has: the caller frees
/// it after a grace period.
class SlotAllocator {
public:
    explicit SlotAllocator(std::uint32_t size);

    /// The offset of `length` free slots; nothing when there is no such room.
    std::optional<std::uint32_t> allocate(std::uint32_t length);
    void release(std::uint32_t offset, std::uint32_t length);

private:
    std::map<std::uint32_t, std::uint32_t> free_;  ///< offset → length, no two adjacent
};

}  // namespace reseat::bpf
