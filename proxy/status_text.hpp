// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <string>

namespace reseat::proxy {

/// The body of `GET /status` as tables for people, `max_width` columns wide (0: as wide as needed). Throws
/// for a body of another shape.
std::string status_text(const boost::json::object& status, std::chrono::system_clock::time_point now,
                        std::size_t max_width, bool colours);

}  // namespace reseat::proxy
