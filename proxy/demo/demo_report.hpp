// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/demo/demo_client.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace reseat::proxy {

using Milliseconds = std::chrono::duration<double, std::milli>;

/// What one kind of client went through after the machine vanished, without reseat and with it. Times count
/// from there; nothing: it did not happen while we looked.
struct ClientOutcome {
    ClientKind kind = ClientKind::idle_tcp;
    std::optional<Milliseconds> control;  ///< when the client without reseat noticed anything
    std::optional<Milliseconds> noticed;  ///< when reseat knew
    std::optional<Milliseconds> told;     ///< when the client's socket was ended
    int error = 0;                        ///< errno that it saw
    std::optional<Milliseconds> back;     ///< when a live backend answered, or got its datagram
};

struct DemoReport {
    std::string reason;       ///< reseat's verdict: "no answer within 200ms (2/2)"
    Milliseconds observed{};  ///< how long we looked
    std::vector<ClientOutcome> clients;
};

/// True when every client with reseat works again and every client without it still hangs.
bool succeeded(const DemoReport& report);

/// For people; fits 80 columns.
std::string report_text(const DemoReport& report, bool colours);
boost::json::object report_json(const DemoReport& report);

}  // namespace reseat::proxy
