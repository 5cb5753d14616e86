// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/status.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <utility>

namespace reseat::proxy {

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
