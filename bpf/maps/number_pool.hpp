// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace reseat::bpf {

/// Hands out the numbers from 0 to below a limit, those that were given back first. The caller gives one back
/// after a grace period.
class NumberPool {
public:
    explicit NumberPool(std::uint32_t limit) : limit_(limit) {}

    std::uint32_t left() const { return limit_ - fresh_ + static_cast<std::uint32_t>(returned_.size()); }
    /// Only while some are left.
    std::uint32_t take() {
        if (returned_.empty()) return fresh_++;
        const std::uint32_t number = returned_.back();
        returned_.pop_back();
        return number;
    }
    void give_back(std::uint32_t number) { returned_.push_back(number); }
    /// At the beginning: `taken`, in ascending order, are in use.
    void begin_with(const std::vector<std::uint32_t>& taken) {
        for (const std::uint32_t number : taken) {
            while (fresh_ < number) returned_.push_back(fresh_++);
            ++fresh_;
        }
    }

private:
    std::uint32_t limit_;
    std::uint32_t fresh_ = 0;
    std::vector<std::uint32_t> returned_;
};

}  // namespace reseat::bpf
