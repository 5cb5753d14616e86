// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/status.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <map>
#include <string>

/// Events and sockets, for people.
namespace reseat::proxy {

/// An event of `GET /events` as lines for people: "2026-11-22T15:00:00.000Z warn  postgres/pg-1 is DOWN:
/// ...", and its details, if any, indented below. Throws for an object of another shape.
std::string event_text(const boost::json::object& event, bool colours);

/// The list of `GET /sockets` as a table for people, `max_width` columns wide (0: as wide as needed). Throws
/// for a list of another shape.
std::string sockets_text(const boost::json::array& sockets, std::size_t max_width, bool colours);

/// "psql (pid 4711)": the process that holds a socket of `GET /sockets`.
std::string process_of(const boost::json::value& socket);

/// One line for each process that still has sockets of a backend, with what becomes of them: "  psql (pid
/// 4711): 2 TCP sockets, terminated in 4 min unless they are closed before". `sockets` are those of `GET
/// /sockets`, `halves` the backend by protocol. At most ten processes are named.
std::string left_open_text(const boost::json::array& sockets,
                           const std::map<std::string, BackendView>& halves, SystemTime now);

}  // namespace reseat::proxy
