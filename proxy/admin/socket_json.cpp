// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/socket_json.hpp"

#include <boost/json.hpp>

#include <chrono>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

json::object socket_json(const lb::ListedSocket& socket) {
    const lb::SocketInfo& info = socket.info;
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(info.age).count();
    return {{"service", socket.service},
            {"backend", socket.backend},
            {"pid", info.pid == 0 ? json::value(nullptr) : json::value(info.pid)},
            {"comm", info.command.empty() ? json::value(nullptr) : json::value(info.command)},
            {"protocol", lb::to_string(info.protocol)},
            {"local", info.local.port == 0 ? json::value(nullptr) : json::value(lb::to_string(info.local))},
            {"service_address", lb::to_string(info.dialled)},
            {"backend_address", lb::to_string(info.backend)},
            {"age_ms", age}};
}

}  // namespace

json::array sockets_json(const std::vector<lb::ListedSocket>& sockets) {
    json::array list;
    for (const auto& socket : sockets) list.emplace_back(socket_json(socket));
    return list;
}

json::object report_json(const lb::TerminationReport& report) {
    const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(report.duration).count();
    return {{"matched", report.matched},
            {"terminated", report.terminated},
            {"repointed", report.repointed},
            {"failed", report.failed},
            {"first_failure",
             report.first_failure.empty() ? json::value(nullptr) : json::value(report.first_failure)},
            {"duration_us", duration}};
}

}  // namespace reseat::proxy
