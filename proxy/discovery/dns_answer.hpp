// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/lookup.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace reseat::proxy {

/// What c-ares came back with from `server`: its status, and the message where there is one. Any bytes will
/// do.
lb::Found read_answer(lb::Query query, int ares_status, std::span<const std::uint8_t> message,
                      std::string_view server);

/// There is more than fitted into this message.
bool is_truncated(std::span<const std::uint8_t> message);

/// The DNS number of this type of record.
int record_number(lb::Query query);

}  // namespace reseat::proxy
