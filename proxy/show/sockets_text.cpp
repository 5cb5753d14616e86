// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/sockets_text.hpp"

#include "base/text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>

namespace reseat::proxy {
namespace {

std::string text(const boost::json::value& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) return one_line(std::string_view(value.as_string()));
    return boost::json::serialize(value);
}

}  // namespace

std::string sockets_text(const boost::json::array& sockets, std::size_t max_width, bool colours) {
    Table table({{"PID", true},
                 {"COMM", false, true},
                 {"PROTO"},
                 {"LOCAL", false, true},
                 {"SERVICE ADDRESS", false, true},
                 {"BACKEND", false, true},
                 {"AGE", true}});
    for (const auto& socket : sockets)
        table.add({text(socket.at("pid")), text(socket.at("comm")), text(socket.at("protocol")),
                   text(socket.at("local")), text(socket.at("service_address")),
                   text(socket.at("service")) + "/" + text(socket.at("backend")),
                   human(std::chrono::milliseconds(socket.at("age_ms").to_number<std::int64_t>()))});
    return table.render(max_width, colours);
}

}  // namespace reseat::proxy
