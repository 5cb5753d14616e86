// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/lookup.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace reseat::proxy {

/// The question for one type of record.
enum class Query { a, aaaa, srv };

/// What c-ares came back with: its status, and the message where there is one. Any bytes will do.
lb::Found read_answer(Query query, int ares_status, std::span<const std::uint8_t> message);

/// The name that an answer is about, as it was asked after a search: ends with a dot. Empty: it is broken.
std::string asked_name(std::span<const std::uint8_t> message);

/// The DNS number of this type of record.
int record_number(Query query);

}  // namespace reseat::proxy
