// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

#include <boost/json/object.hpp>

namespace reseat::config {

/// The body of `GET /config`: the configuration in force in the form of the file, every option written out,
/// so that it may be loaded again. Left out, as secrets may be in them: what tcp and udp checks send and
/// expect, the values of http.headers, the query of http.path, and the arguments of exec.command. What is
/// empty is shown as empty.
boost::json::object config_json(const lb::Model& model);

boost::json::object policy_json(const lb::AccessPolicy& policy);

}  // namespace reseat::config
