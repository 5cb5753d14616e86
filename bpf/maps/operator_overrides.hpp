// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/byte_order.hpp"
#include "lb/control/data_plane.hpp"

#include <unordered_map>
#include <vector>

namespace reseat::bpf {

/// Writes lb_words: what the operator wants of backends, for the next process. The only writer of the map.
class OperatorOverrideTable {
public:
    explicit OperatorOverrideTable(int map) : map_(map) {}

    /// Instead of what was said of the service's backends before. What there is no room for is logged.
    void keep(const lb::OperatorOverrides& overrides, Protocol protocol);

private:
    int map_;
    std::unordered_map<lb::ServiceId, std::vector<lb_endpoint>> kept_;
};

}  // namespace reseat::bpf
