// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/event_json.hpp"

#include "base/text.hpp"
#include "proxy/admin/socket_json.hpp"

#include <boost/json.hpp>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

json::value name_or_null(const std::string& name) {
    return name.empty() ? json::value(nullptr) : json::value(name);
}

}  // namespace

json::object event_json(const LoggedEvent& logged) {
    const lb::Event& event = logged.event;
    json::array details;
    for (const auto& line : event.details) details.emplace_back(one_line(line));
    return {{"id", logged.id},
            {"at", iso8601(logged.at)},
            {"level", word_of(event.level)},
            {"type", word_of(event.type)},
            {"service", name_or_null(event.service)},
            {"backend", name_or_null(event.backend)},
            {"protocol", event.protocol ? json::value(to_string(*event.protocol)) : json::value(nullptr)},
            {"message", one_line(event.message)},
            {"details", std::move(details)},
            {"report", event.report ? json::value(report_json(*event.report)) : json::value(nullptr)}};
}

bool EventFilter::takes(const lb::Event& event) const {
    return (!service || *service == event.service) && (!backend || *backend == event.backend);
}

}  // namespace reseat::proxy
