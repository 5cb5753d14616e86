// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/status.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::proxy {

/// All that an instance says about one service.
struct Facts {
    ServiceView service;
    boost::json::object
        settings;  ///< as `GET /config` has them, by the keys of the configuration; empty: not given
    std::vector<boost::json::object> events;  ///< the oldest first
    std::map<std::string, boost::json::array>
        sockets;  ///< by backend: those that are not where they should be
};

/// Whether an event of a service of this name is about this half of it. One of an older instance does not
/// tell them apart and is about both.
bool is_about(const boost::json::object& event, const ServiceView& service);

/// "connections.on_refused" of the settings as text: words and durations as they are, numbers and booleans
/// spelt out. Empty: not given.
std::optional<std::string> setting(const Facts& facts, std::string_view path);

/// The sockets of these events' reports, ended or moved.
struct Moved {
    std::uint64_t terminated = 0;
    std::uint64_t repointed = 0;
    std::uint64_t failed = 0;
};

/// What became of the sockets of `backend` since it has the state that it has, from the events; empty:
/// they do not.
std::optional<Moved> moved_since(const Facts& facts, const BackendView& backend);

/// "psql (pid 4711), 3 x python3 (pid 12)": the holders of the sockets of `backend`, at most five of them.
std::string holders(const Facts& facts, const std::string& backend);

/// Some backend is eligible although it is not `backend`.
bool has_alternative(const ServiceView& service, const BackendView& backend);

}  // namespace reseat::proxy
