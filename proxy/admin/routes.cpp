// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/routes.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"
#include "base/url.hpp"
#include "proxy/admin/config_json.hpp"
#include "proxy/admin/event_json.hpp"
#include "proxy/admin/metrics.hpp"
#include "proxy/admin/page.hpp"
#include "proxy/admin/socket_json.hpp"
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

using Words = std::vector<std::string>;

constexpr std::string_view kLooks[] = {"", "status", "ready", "sockets", "events", "config", "metrics"};

Reply json_reply(unsigned status, const json::object& body) {
    return {.status = status, .body = json::serialize(body) + "\n"};
}

Reply ready_reply(bool ready) {
    if (ready) return json_reply(200, {{"ready", true}});
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

Task<Reply> status(std::string_view target, const AdminView& view) {
    const bool history = query_of(target, "history").value_or("0") != "0";
    auto task = told(
        history, [](const Snapshot& snapshot) { return json::serialize(status_json(snapshot)) + "\n"; },
        view);
    co_return co_await std::move(task);
}

Task<Reply> metrics(const AdminView& view) {
    auto task = told(false, metrics_text, view);
    Reply reply = co_await std::move(task);
    reply.content_type = kMetricsType;
    co_return reply;
}

Reply config(const AdminView& view) {
    return json_reply(200, config_json(view.config()));
}

Reply page() {
    static const std::string policy = page_policy(status_page());
    return {.body = std::string(status_page()), .content_type = "text/html; charset=utf-8", .policy = policy};
}

Task<Reply> reload(const AdminView& view) {
    const ReloadReport report = co_await view.reload();
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

Task<Reply> sockets(Target which, const AdminView& view) {
    if (which.backend && !which.service) co_return bad_filter("/sockets");
    auto task = view.sockets(std::move(which));
    auto rows = co_await std::move(task);
    if (!rows) co_return refused(rows.error());
    Reply reply;
    const bool is_long = rows->sockets.size() > 1000;
    reply.next_piece = [&view, is_long, list = std::make_shared<SocketListText>(std::move(*rows))] {
        return view.aside([list, is_long] {
            std::string piece = list->next_piece();
            if (piece.empty() && is_long) ::malloc_trim(0);  // its memory would stay with us for ever
            return piece;
        });
    };
    co_return reply;
}

Task<Reply> terminate(Target which, const AdminView& view) {
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

Reply set_state(Target which, lb::OperatorState state, std::string_view word, const AdminView& view) {
    if (const auto done = view.set_state(std::move(which), state); !done) return refused(done.error());
    return json_reply(200, {{"state", word}});
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

Reply events(std::string_view target, const AdminView& view) {
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
std::optional<Target> backend_of(const Words& path, std::string_view word) {
    auto target = target_of(path, word);
    return target && target->backend ? target : std::nullopt;
}

constexpr std::pair<std::string_view, lb::OperatorState> kStates[] = {{"ready", lb::OperatorState::ready},
                                                                      {"drain", lb::OperatorState::drain},
                                                                      {"maint", lb::OperatorState::maint}};

bool changes_a_backend(const Words& path) {
    return backend_of(path, "weight") || std::ranges::any_of(kStates, [&](const auto& state) {
               return backend_of(path, state.first).has_value();
           });
}

/// The only method that `path` answers; empty: there is no such path.
std::string_view method_of(const Words& path) {
    if (path.size() == 1 && std::ranges::find(kLooks, path.front()) != std::end(kLooks)) return "GET";
    if (path == Words{"reload"} || to_terminate(path) || changes_a_backend(path)) return "POST";
    return "";
}

Reply no_such_path() {
    return error_reply(404, "not_found", "no such path",
                       "GET /, /status, /ready, /sockets, /events, /config or /metrics; POST /reload, "
                       "/services/NAME/terminate or "
                       "/services/NAME/backends/NAME/{drain,ready,maint,weight,terminate}");
}

Reply change_backend(const Words& path, std::string_view target, const AdminView& view) {
    for (const auto& [word, state] : kStates)
        if (auto which = backend_of(path, word)) return set_state(std::move(*which), state, word, view);
    return set_weight(std::move(*backend_of(path, "weight")), query_of(target, "weight"), view);
}

}  // namespace

Reply error_reply(unsigned status, std::string_view code, std::string_view message, std::string_view hint) {
    return json_reply(
        status, {{"error", json::object{{"code", code}, {"message", printable(message)}, {"hint", hint}}}});
}

Task<Reply> answer(std::string method, std::string target, const AdminView& view) {
    const Words path = path_of(target).value_or(Words{});
    const std::string allowed(method_of(path));
    if (allowed.empty()) co_return no_such_path();
    if (method != allowed) {
        auto reply =
            error_reply(405, "method_not_allowed", "this path only accepts " + allowed, "use " + allowed);
        reply.allow = allowed;
        co_return reply;
    }
    if (path.front() == "ready") co_return ready_reply(view.ready());
    if (path.front().empty()) co_return page();
    if (path.front() == "config") co_return config(view);
    if (path.front() == "status") co_return co_await status(target, view);
    if (path.front() == "metrics") co_return co_await metrics(view);
    if (path.front() == "events") co_return events(target, view);
    if (path.front() == "reload") co_return co_await reload(view);
    if (changes_a_backend(path)) co_return change_backend(path, target, view);
    // GCC 12 destroys an aggregate twice that is a temporary of a co_await expression.
    Target which = path.front() == "sockets"
                       ? Target{query_of(target, "service"), query_of(target, "backend")}
                       : *to_terminate(path);
    if (path.front() == "sockets") co_return co_await sockets(std::move(which), view);
    co_return co_await terminate(std::move(which), view);
}

}  // namespace reseat::proxy
