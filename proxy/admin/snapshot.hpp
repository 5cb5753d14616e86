// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/controller.hpp"
#include "lb/discovery/memberships.hpp"
#include "lb/discovery/names.hpp"
#include "lb/discovery/source_record.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// All that /status and /metrics report, as a value that another thread may put into words.
namespace reseat::proxy {

/// How the last attempt to reload the configuration ended; the start counts as one.
struct LastReload {
    bool ok = true;
    std::chrono::system_clock::time_point at{};
    std::string error;
};

/// The identity of this instance.
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

/// What is counted for the process as a whole.
struct InstanceCounts {
    std::map<lb::Event::Type, std::uint64_t> events;
    std::vector<std::pair<std::string, std::uint64_t>> data_path;  ///< KernelDataPlane::stats()
    std::uint64_t reloads_ok = 0;
    std::uint64_t reloads_failed = 0;
    std::uint64_t unresolved_sockets = 0;
    lb::DurationHistogram loop_lag;
};

struct Snapshot {
    InstanceInfo info;
    bool ready = false;
    std::vector<lb::ServiceStatus> services;  ///< each of one moment; all within some milliseconds
    std::vector<lb::PolicyStatus> policies;
    std::vector<lb::NameView> names;
    std::vector<lb::SourceView> source_views;
    std::vector<lb::SourceRecord> sources;
    InstanceCounts counts;
    bool history = false;  ///< the backends have theirs
};

}  // namespace reseat::proxy
