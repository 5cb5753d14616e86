// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/lookup.hpp"

#include <cstddef>
#include <vector>

namespace reseat::lb {

/// In which order name servers are asked: as they are written, but one that left questions to others comes
/// last until it answers anything, or for kDistrust. Pure.
class ServerOrder {
public:
    static constexpr Duration kDistrust = std::chrono::seconds(30);

    explicit ServerOrder(std::size_t servers) : distrusted_until_(servers) {}

    std::vector<std::size_t> order(TimePoint now) const;
    /// It had not answered when another server, asked later, did.
    void on_overtaken(std::size_t server, TimePoint now) { distrusted_until_[server] = now + kDistrust; }
    void on_answer(std::size_t server) { distrusted_until_[server] = {}; }

private:
    std::vector<TimePoint> distrusted_until_;
};

}  // namespace reseat::lb
