// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include <string>

namespace reseat::proxy {

/// An event of `GET /events` as lines for people: "2026-11-22T15:00:00.000Z warn  postgres/pg-1 is DOWN:
/// ...", and its details, if any, indented below. Throws for an object of another shape.
std::string event_text(const boost::json::object& event, bool colours);

}  // namespace reseat::proxy
