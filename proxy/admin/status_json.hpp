// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller.hpp"
#include "lb/discovery/names.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace reseat::proxy {

/// How the last attempt to reload the configuration ended; the start counts as one.
struct LastReload {
    bool ok = true;
    std::chrono::system_clock::time_point at{};
    std::string error;
};

/// What /status says besides the services: who this instance is.
struct InstanceInfo {
    std::string instance;
    std::string cgroup;
    bool pinned = false;
    std::string config_path;
    std::string config_sha256;
    std::chrono::system_clock::time_point started_at{};
    std::chrono::system_clock::time_point loaded_at{};
    LastReload last_reload;
    std::string kernel_release;
    std::vector<std::string> engines;  ///< of termination, best first
    bool repoint = false;
};

/// The body of `GET /status`, api_version 1. What has not happened yet is null.
boost::json::object status_json(const InstanceInfo& info, bool ready,
                                const std::vector<lb::ServiceStatus>& services,
                                const std::vector<lb::PolicyStatus>& policies,
                                const std::vector<lb::NameView>& names = {});

/// "tcp", "http", ... as in the configuration.
std::string_view to_string(lb::CheckType type);
/// "round_robin", ... as in the configuration.
std::string_view to_string(lb::LbPolicy policy);

}  // namespace reseat::proxy
