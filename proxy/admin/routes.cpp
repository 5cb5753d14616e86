// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/routes.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"
#include "base/url.hpp"
#include "config/config_json.hpp"
#include "proxy/admin/lists_json.hpp"
#include "proxy/admin/metrics.hpp"
#include "proxy/admin/page.hpp"
#include "proxy/admin/status_json.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include <malloc.h>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

/// Sockets whose list takes memory that malloc would keep.
constexpr std::size_t kLongList = 1000;

/// A request for a path of the table, and what its placeholders stand for. Kept by what answers it.
struct Asked {
    const AdminView& view;
    std::string target;  ///< with the query
    Target names;
};

Reply json_reply(unsigned status, const json::object& body) {
    return {.status = status, .body = json::serialize(body) + "\n"};
}

Reply ready(const Asked& asked) {
    if (asked.view.ready()) return json_reply(200, {{"ready", true}});
    return json_reply(503, {{"ready", false}, {"reason", "not every backend has been checked yet"}});
}

/// Only names that do not exist are refused this way; everything else is a report.
Reply refused(const Error& error) {
    if (error.code == ErrorCode::usage)
        return error_reply(404, "not_found", error.message, "reseat status lists services and backends");
    return error_reply(500, "failed", error.message, "see the log of this instance");
}

json::array texts(const std::vector<std::string>& lines) {
    json::array list;
    for (const auto& line : lines) list.emplace_back(line);
    return list;
}

/// Put into words aside, as it may take long.
Task<Reply> told(bool history, std::string (*words)(const Snapshot&), const AdminView& view) {
    auto looking = view.snapshot(history);
    auto snapshot = std::make_shared<const Snapshot>(co_await std::move(looking));
    auto telling = view.aside([snapshot, words] { return words(*snapshot); });
    Reply reply;
    reply.body = co_await std::move(telling);
    co_return reply;
}

Task<Reply> status(const Asked& asked) {
    const bool history = query_of(asked.target, "history").value_or("0") != "0";
    return told(
        history, [](const Snapshot& snapshot) { return json::serialize(status_json(snapshot)) + "\n"; },
        asked.view);
}

Task<Reply> metrics(const Asked& asked) {
    auto task = told(false, metrics_text, asked.view);
    Reply reply = co_await std::move(task);
    reply.content_type = kMetricsType;
    co_return reply;
}

Reply page(const Asked&) {
    static const std::string policy = page_policy(status_page());
    return {.body = std::string(status_page()), .content_type = "text/html; charset=utf-8", .policy = policy};
}

Reply config(const Asked& asked) {
    return json_reply(200, config::config_json(asked.view.config()));
}

Task<Reply> reload(const Asked& asked) {
    const ReloadReport report = co_await asked.view.reload();
    co_return json_reply(200, {{"ok", report.ok},
                               {"valid", report.valid},
                               {"at", iso8601(report.at)},
                               {report.ok ? "changes" : "faults", texts(report.lines)},
                               {"warnings", texts(report.warnings)}});
}

Reply bad_filter(std::string_view path) {
    return error_reply(400, "bad_filter", "backend requires service",
                       "GET " + std::string(path) + "?service=NAME&backend=NAME");
}

Task<Reply> sockets(const Asked& asked) {
    const AdminView& view = asked.view;
    Target which{query_of(asked.target, "service"), query_of(asked.target, "backend")};
    if (which.backend && !which.service) co_return bad_filter("/sockets");
    auto task = view.sockets(std::move(which));
    auto rows = co_await std::move(task);
    if (!rows) co_return refused(rows.error());
    Reply reply;
    const bool is_long = rows->sockets.size() > kLongList;
    reply.next_piece = [&view, is_long, list = std::make_shared<SocketListText>(std::move(*rows))] {
        return view.aside([list, is_long] {
            std::string piece = list->next_piece();
            if (piece.empty() && is_long) ::malloc_trim(0);  // its memory would stay with us for ever
            return piece;
        });
    };
    co_return reply;
}

Task<Reply> terminate(const Asked& asked) {
    auto task = asked.view.terminate(asked.names);
    const auto report = co_await std::move(task);
    if (!report) co_return refused(report.error());
    co_return json_reply(200, report_json(*report));
}

/// As many as the configuration allows.
constexpr unsigned kMaxWeight = 256;

Reply set_weight(const Asked& asked) {
    unsigned weight = 0;
    const std::string digits = query_of(asked.target, "weight").value_or("");
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
    if (fault != std::errc{} || end != digits.data() + digits.size() || weight > kMaxWeight)
        return error_reply(400, "bad_weight", "a weight is a whole number from 0 to 256",
                           "POST /services/NAME/backends/NAME/weight?weight=5");
    if (const auto done = asked.view.set_weight(asked.names, weight); !done) return refused(done.error());
    return json_reply(200, {{"weight", weight}});
}

template <lb::OperatorState state>
Reply set_state(const Asked& asked) {
    if (const auto done = asked.view.set_state(asked.names, state); !done) return refused(done.error());
    return json_reply(200, {{"state", word_of(state)}});
}

Reply accept(const Asked& asked) {
    const auto count = asked.view.accept(asked.names.service.value_or(""));
    if (!count) return refused(count.error());
    return json_reply(200, {{"accepted", *count}});
}

Reply resync(const Asked& asked) {
    const auto source = query_of(asked.target, "source");
    if (asked.view.resync(source)) return json_reply(200, {{"ok", true}});
    return error_reply(404, "not_found", source ? "no source is called " + *source : "there is no source",
                       "reseat sources lists them");
}

/// Events may be about services that are gone; only a name that neither they nor the configuration know is
/// refused. Nothing: it is known.
std::optional<Reply> unknown_name(const EventFilter& filter, const AdminView& view) {
    if (!filter.service) return std::nullopt;
    const EventFilter whenever{.service = filter.service, .backend = filter.backend};
    for (const auto& logged : view.events->after(0))
        if (whenever.takes(logged->event)) return std::nullopt;
    const auto found = view.known({filter.service, filter.backend});
    if (found || found.error().code != ErrorCode::usage) return std::nullopt;
    return refused(found.error());
}

Reply events(const Asked& asked) {
    const auto& [view, target, names] = asked;
    EventFilter filter{.service = query_of(target, "service"), .backend = query_of(target, "backend")};
    const std::string since = query_of(target, "since").value_or("0");
    const auto [end, fault] = std::from_chars(since.data(), since.data() + since.size(), filter.since);
    if (fault != std::errc{} || end != since.data() + since.size())
        return error_reply(400, "bad_since", "since takes the id of an event, a whole number",
                           "GET /events?since=17");
    if (filter.backend && !filter.service) return bad_filter("/events");
    if (auto refusal = unknown_name(filter, view)) return std::move(*refusal);
    if (query_of(target, "follow").value_or("0") != "0") {
        Reply reply;
        reply.follow = std::move(filter);
        return reply;
    }
    json::array list;
    for (const auto& logged : view.events->after(filter.since))
        if (filter.takes(logged->event)) list.emplace_back(event_json(*logged));
    return json_reply(200, {{"events", std::move(list)}});
}

/// What answers at once, as what takes its time.
template <Reply (*answer)(const Asked&)>
Task<Reply> at_once(const Asked& asked) {
    co_return answer(asked);
}

struct Route {
    std::string_view method;
    std::string_view path;  ///< SERVICE and BACKEND stand for any name
    Task<Reply> (*answer)(const Asked&);
};

constexpr Route kRoutes[] = {
    {"GET", "/", at_once<page>},
    {"GET", "/status", status},
    {"GET", "/ready", at_once<ready>},
    {"GET", "/sockets", sockets},
    {"GET", "/events", at_once<events>},
    {"GET", "/config", at_once<config>},
    {"GET", "/metrics", metrics},
    {"POST", "/reload", reload},
    {"POST", "/sources/resync", at_once<resync>},
    {"POST", "/services/SERVICE/accept", at_once<accept>},
    {"POST", "/services/SERVICE/terminate", terminate},
    {"POST", "/services/SERVICE/backends/BACKEND/terminate", terminate},
    {"POST", "/services/SERVICE/backends/BACKEND/ready", at_once<set_state<lb::OperatorState::ready>>},
    {"POST", "/services/SERVICE/backends/BACKEND/drain", at_once<set_state<lb::OperatorState::drain>>},
    {"POST", "/services/SERVICE/backends/BACKEND/maint", at_once<set_state<lb::OperatorState::maint>>},
    {"POST", "/services/SERVICE/backends/BACKEND/weight", at_once<set_weight>},
};

/// The names in `path`, if it is one of this route.
std::optional<Target> match(const Route& route, const std::vector<std::string>& path) {
    const auto words = split(route.path.substr(1), '/');
    if (words.size() != path.size()) return std::nullopt;
    Target names;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "SERVICE")
            names.service = path[i];
        else if (words[i] == "BACKEND")
            names.backend = path[i];
        else if (words[i] != path[i])
            return std::nullopt;
    }
    return names;
}

Reply no_such_path() {
    return error_reply(404, "not_found", "no such path",
                       "GET /, /status, /ready, /sockets, /events, /config or /metrics; POST /reload, "
                       "/sources/resync, /services/NAME/{accept,terminate} or "
                       "/services/NAME/backends/NAME/{drain,ready,maint,weight,terminate}");
}

}  // namespace

Reply error_reply(unsigned status, std::string_view code, std::string_view message, std::string_view hint) {
    return json_reply(
        status, {{"error", json::object{{"code", code}, {"message", printable(message)}, {"hint", hint}}}});
}

Task<Reply> answer(std::string method, std::string target, const AdminView& view) {
    const auto path = path_of(target).value_or(std::vector<std::string>{});
    for (const Route& route : kRoutes) {
        const auto names = match(route, path);
        if (!names) continue;
        if (method != route.method) {
            const std::string allowed(route.method);
            auto reply =
                error_reply(405, "method_not_allowed", "this path only accepts " + allowed, "use " + allowed);
            reply.allow = allowed;
            co_return reply;
        }
        const Asked asked{view, std::move(target), *names};
        auto task = route.answer(asked);
        co_return co_await std::move(task);
    }
    co_return no_such_path();
}

}  // namespace reseat::proxy
