// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/array.hpp>

#include <string>

namespace reseat::proxy {

/// The list of `GET /sockets` as a table for people, `max_width` columns wide (0: as wide as needed). Throws
/// for a list of another shape.
std::string sockets_text(const boost::json::array& sockets, std::size_t max_width, bool colours);

}  // namespace reseat::proxy
