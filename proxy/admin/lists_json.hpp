// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/status.hpp"
#include "proxy/admin/event_log.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <utility>

/// Events and sockets, as `GET /events` and `GET /sockets` list them.
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

/// {"sockets": [...]} and a newline, as `GET /sockets` lists open sockets; what is not visible or not known
/// yet is null. Written in pieces, as the text of 100,000 sockets is 25 MB.
class SocketListText {
public:
    explicit SocketListText(lb::ListedSockets listed) : listed_(std::move(listed)) {}

    /// About 64 KiB, and gives back what the sockets in them took; empty: it is over.
    std::string next_piece();

private:
    lb::ListedSockets listed_;
    bool begun_ = false;
    bool over_ = false;
};

/// What ending sockets came to.
boost::json::object report_json(const lb::TerminationReport& report);

}  // namespace reseat::proxy
