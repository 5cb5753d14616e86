// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/event_text.hpp"

#include "base/text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace reseat::proxy {
namespace {

std::string text(const boost::json::value& value) {
    return one_line(std::string_view(value.as_string()));
}

Colour colour_of(std::string_view level) {
    if (level == "error") return Colour::bad;
    return level == "warn" ? Colour::warning : Colour::good;
}

}  // namespace

std::string event_text(const boost::json::object& event, bool colours) {
    const std::string level = text(event.at("level"));
    std::string lines =
        fmt::format("{} {} {}\n", text(event.at("at")),
                    paint(fmt::format("{:<5}", level), colour_of(level), colours), text(event.at("message")));
    if (const auto* details = event.if_contains("details"))
        for (const auto& detail : details->as_array()) lines += "    " + text(detail) + "\n";
    return lines;
}

}  // namespace reseat::proxy
