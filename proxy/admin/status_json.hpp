// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/snapshot.hpp"

#include <boost/json/object.hpp>

#include <string_view>

namespace reseat::proxy {

/// The body of `GET /status`, api_version 1. What has not happened yet is null.
boost::json::object status_json(const Snapshot& snapshot);

/// "tcp", "http", ... as in the configuration.
std::string_view to_string(lb::CheckType type);
/// "round_robin", ... as in the configuration.
std::string_view to_string(lb::LbPolicy policy);

}  // namespace reseat::proxy
