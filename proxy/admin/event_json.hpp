// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/event_log.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>

namespace reseat::proxy {

/// One event as `GET /events` lists it; what it is not about is null.
boost::json::object event_json(const LoggedEvent& logged);

/// Which events are asked for.
struct EventFilter {
    std::uint64_t since = 0;  ///< those with a greater id
    std::optional<std::string> service;
    std::optional<std::string> backend;

    bool takes(const lb::Event& event) const;
};

}  // namespace reseat::proxy
