// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/status.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <vector>

namespace reseat::proxy {

/// Open sockets as `GET /sockets` lists them; what is not visible or not known yet is null.
boost::json::array sockets_json(const std::vector<lb::ListedSocket>& sockets);

/// What ending sockets came to.
boost::json::object report_json(const lb::TerminationReport& report);

}  // namespace reseat::proxy
