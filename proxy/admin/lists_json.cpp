// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/lists_json.hpp"

#include "base/text.hpp"

#include <boost/json.hpp>

#include <chrono>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

constexpr std::size_t kPiece = 64 * 1024;

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object socket_json(const lb::ListedSockets::Name& name, const lb::SocketInfo& info) {
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(info.age).count();
    return {{"service", name.service},
            {"backend", name.backend},
            {"pid", info.pid == 0 ? json::value(nullptr) : json::value(info.pid)},
            {"comm", text_or_null(info.command)},
            {"protocol", to_string(info.protocol)},
            {"local", info.local.port == 0 ? json::value(nullptr) : json::value(to_string(info.local))},
            {"service_address", to_string(info.dialled)},
            {"backend_address", to_string(info.backend)},
            {"age_ms", age}};
}

}  // namespace

std::string SocketListText::next_piece() {
    if (over_) return "";
    std::string text = begun_ ? "," : R"({"sockets":[)";
    while (!listed_.sockets.empty() && text.size() < kPiece) {
        const lb::SocketInfo& socket = listed_.sockets.front();
        if (const auto name = listed_.names.find(socket.life); name != listed_.names.end())
            text.append(json::serialize(socket_json(name->second, socket))).append(",");
        listed_.sockets.pop_front();
    }
    begun_ = true;
    if (text.ends_with(',')) text.pop_back();
    over_ = listed_.sockets.empty();
    if (over_) text += "]}\n";
    return text;
}

json::object report_json(const lb::TerminationReport& report) {
    const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(report.duration).count();
    return {{"matched", report.matched},
            {"terminated", report.terminated},
            {"repointed", report.repointed},
            {"failed", report.failed},
            {"first_failure", text_or_null(report.first_failure)},
            {"duration_us", duration}};
}

json::object event_json(const LoggedEvent& logged) {
    const lb::Event& event = logged.event;
    json::array details;
    for (const auto& line : event.details) details.emplace_back(one_line(line));
    return {{"id", logged.id},
            {"at", iso8601(logged.at)},
            {"level", word_of(event.level)},
            {"type", word_of(event.type)},
            {"service", text_or_null(event.service)},
            {"backend", text_or_null(event.backend)},
            {"protocol", event.protocol ? json::value(to_string(*event.protocol)) : json::value(nullptr)},
            {"message", one_line(event.message)},
            {"details", std::move(details)},
            {"report", event.report ? json::value(report_json(*event.report)) : json::value(nullptr)}};
}

bool EventFilter::takes(const lb::Event& event) const {
    return (!service || *service == event.service) && (!backend || *backend == event.backend);
}

}  // namespace reseat::proxy
