// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/routes.hpp"

#include <boost/json.hpp>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

Reply json_reply(unsigned status, const json::object& body) {
    return {status, json::serialize(body) + "\n", {}};
}

Reply ready_reply(bool ready) {
    if (ready) return json_reply(200, {{"ready", true}});
    return json_reply(503, {{"ready", false}, {"reason", "the first round of health checks is not over"}});
}

}  // namespace

Reply error_reply(unsigned status, std::string_view code, std::string_view message, std::string_view hint) {
    return json_reply(status,
                      {{"error", json::object{{"code", code}, {"message", message}, {"hint", hint}}}});
}

Reply answer(std::string_view method, std::string_view target, const AdminView& view) {
    const auto path = target.substr(0, target.find('?'));
    if (path != "/status" && path != "/ready")
        return error_reply(404, "not_found", "no such path", "try /status or /ready");
    if (method != "GET") {
        auto reply = error_reply(405, "method_not_allowed", "this path only answers GET", "use GET");
        reply.allow = "GET";
        return reply;
    }
    return path == "/ready" ? ready_reply(view.ready()) : json_reply(200, view.status());
}

}  // namespace reseat::proxy
