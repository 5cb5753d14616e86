// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

#include <boost/json/object.hpp>

namespace reseat::proxy {

/// A health check in the form of the file: the settings of its type, without what may be a secret
/// (config_json.hpp).
boost::json::object health_check_json(const lb::HealthCheck& check);

}  // namespace reseat::proxy
