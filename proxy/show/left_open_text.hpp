// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/status.hpp"

#include <boost/json/array.hpp>

#include <map>
#include <string>

namespace reseat::proxy {

/// One line for each process that still has sockets of a backend, with what becomes of them: "  psql (pid
/// 4711): 2 TCP sockets, terminated in 4 min unless they are closed before". `sockets` are those of `GET
/// /sockets`, `halves` the backend by protocol. At most ten processes are named.
std::string left_open_text(const boost::json::array& sockets,
                           const std::map<std::string, BackendView>& halves, SystemTime now);

}  // namespace reseat::proxy
