// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/snapshot.hpp"

#include <boost/json/object.hpp>

namespace reseat::proxy {

/// The body of `GET /status`, api_version 1. What has not happened yet is null.
boost::json::object status_json(const Snapshot& snapshot);

}  // namespace reseat::proxy
