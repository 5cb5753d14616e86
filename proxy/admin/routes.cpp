// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/routes.hpp"

#include "proxy/admin/socket_json.hpp"
#include "proxy/admin/url.hpp"
#include "proxy/text.hpp"

#include <boost/json.hpp>

#include <charconv>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

using Words = std::vector<std::string>;

Reply json_reply(unsigned status, const json::object& body) {
    return {status, json::serialize(body) + "\n", {}};
}

Reply ready_reply(bool ready) {
    if (ready) return json_reply(200, {{"ready", true}});
    return json_reply(503, {{"ready", false}, {"reason", "the first round of health checks is not over"}});
}

/// Only names that do not exist are refused this way; everything else is a report.
Reply refused(const lb::Error& error) {
    if (error.code == lb::ErrorCode::usage)
        return error_reply(404, "not_found", error.message, "reseat status lists services and backends");
    return error_reply(500, "failed", error.message, "see the log of this instance");
}

json::array texts(const std::vector<std::string>& lines) {
    json::array list;
    for (const auto& line : lines) list.emplace_back(line);
    return list;
}

lb::Task<Reply> reload(const AdminView& view) {
    const ReloadReport report = co_await view.reload();
    co_return json_reply(200, {{"ok", report.ok},
                               {"valid", report.valid},
                               {"at", iso8601(report.at)},
                               {report.ok ? "changes" : "faults", texts(report.lines)},
                               {"warnings", texts(report.warnings)}});
}

lb::Task<Reply> sockets(Target which, const AdminView& view) {
    auto task = view.sockets(std::move(which));
    const auto rows = co_await std::move(task);
    if (!rows) co_return refused(rows.error());
    co_return json_reply(200, {{"sockets", sockets_json(*rows)}});
}

lb::Task<Reply> terminate(Target which, const AdminView& view) {
    auto task = view.terminate(std::move(which));
    const auto report = co_await std::move(task);
    if (!report) co_return refused(report.error());
    co_return json_reply(200, report_json(*report));
}

/// As many as the configuration allows.
constexpr unsigned kMaxWeight = 256;

Reply set_weight(Target which, const std::optional<std::string>& text, const AdminView& view) {
    unsigned weight = 0;
    const std::string digits = text.value_or("");
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
    if (fault != std::errc{} || end != digits.data() + digits.size() || weight > kMaxWeight)
        return error_reply(400, "bad_weight", "a weight is a whole number from 0 to 256",
                           "POST /services/NAME/backends/NAME/weight?weight=5");
    if (const auto done = view.set_weight(std::move(which), weight); !done) return refused(done.error());
    return json_reply(200, {{"weight", weight}});
}

/// /services/NAME/WORD and /services/NAME/backends/NAME/WORD.
std::optional<Target> target_of(const Words& path, std::string_view word) {
    if (path.size() < 3 || path.front() != "services" || path.back() != word) return std::nullopt;
    if (path.size() == 3) return Target{path[1], std::nullopt};
    if (path.size() == 5 && path[2] == "backends") return Target{path[1], path[3]};
    return std::nullopt;
}
std::optional<Target> to_terminate(const Words& path) {
    return target_of(path, "terminate");
}
std::optional<Target> to_weigh(const Words& path) {
    auto target = target_of(path, "weight");
    return target && target->backend ? target : std::nullopt;
}

/// The only method that `path` answers; empty: there is no such path.
std::string_view method_of(const Words& path) {
    if (path == Words{"status"} || path == Words{"ready"} || path == Words{"sockets"}) return "GET";
    if (path == Words{"reload"} || to_terminate(path) || to_weigh(path)) return "POST";
    return "";
}

}  // namespace

Reply error_reply(unsigned status, std::string_view code, std::string_view message, std::string_view hint) {
    return json_reply(status,
                      {{"error", json::object{{"code", code}, {"message", message}, {"hint", hint}}}});
}

lb::Task<Reply> answer(std::string method, std::string target, const AdminView& view) {
    const Words path = path_of(target).value_or(Words{});
    const std::string allowed(method_of(path));
    if (allowed.empty())
        co_return error_reply(404, "not_found", "no such path",
                              "GET /status, /ready or /sockets; POST /reload, /services/NAME/terminate or "
                              "/services/NAME/backends/NAME/weight");
    if (method != allowed) {
        auto reply =
            error_reply(405, "method_not_allowed", "this path only answers " + allowed, "use " + allowed);
        reply.allow = allowed;
        co_return reply;
    }
    if (path.front() == "ready") co_return ready_reply(view.ready());
    if (path.front() == "status") co_return json_reply(200, view.status());
    if (path.front() == "reload") co_return co_await reload(view);
    if (auto which = to_weigh(path))
        co_return set_weight(std::move(*which), query_of(target, "weight"), view);
    // GCC 12 destroys an aggregate twice that is a temporary of a co_await expression.
    Target which = path.front() == "sockets"
                       ? Target{query_of(target, "service"), query_of(target, "backend")}
                       : *to_terminate(path);
    if (path.front() == "sockets") co_return co_await sockets(std::move(which), view);
    co_return co_await terminate(std::move(which), view);
}

}  // namespace reseat::proxy
