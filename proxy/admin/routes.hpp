// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/controller.hpp"
#include "proxy/admin/lists_json.hpp"
#include "proxy/admin/snapshot.hpp"
#include "proxy/reload/reloader.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace reseat::proxy {

/// Which sockets are meant: all, those of a service, or those of one of its backends.
struct Target {
    std::optional<std::string> service;
    std::optional<std::string> backend;  ///< only with a service
};

/// What the admin interface may ask of the process.
struct AdminView {
    std::function<Task<Snapshot>(bool history)> snapshot;
    /// Has work done that takes its time and needs nothing but what it brings.
    std::function<Task<std::string>(std::function<std::string()>)> aside;
    std::function<lb::Model()> config;  ///< in force
    std::function<bool()> ready;
    std::function<Task<ReloadReport>()> reload;
    std::function<Result<void>(const Target&)> known;  ///< of a service; error: `usage`
    std::function<Task<Result<lb::ListedSockets>>(Target)> sockets;
    std::function<Task<Result<lb::TerminationReport>>(Target)> terminate;  ///< with a service
    std::function<Result<void>(Target, unsigned weight)> set_weight;       ///< of a backend
    std::function<Result<void>(Target, lb::OperatorState)> set_state;      ///< of a backend
    std::function<Result<std::size_t>(const std::string& service)> accept;
    std::function<bool(const std::optional<std::string>& source)> resync;
    EventLog* events = nullptr;
};

/// An answer, without HTTP's framing.
struct Reply {
    unsigned status = 200;
    std::string body;   ///< JSON and a newline, if `content_type` does not say otherwise
    std::string allow;  ///< the Allow header of a 405; empty otherwise
    std::string content_type = "application/json";
    std::string policy = {};                 ///< the Content-Security-Policy header; empty: none
    std::optional<EventFilter> follow = {};  ///< in place of a body: events, as they happen
    /// In place of a body: the next piece of a long one; an empty piece ends it.
    std::function<Task<std::string>()> next_piece = {};
};

/// Answers one request; `target` with or without a query. 404 and 405 as the error body. Takes as long as
/// what is asked for.
Task<Reply> answer(std::string method, std::string target, const AdminView& view);

/// {"error": {"code": ..., "message": ..., "hint": ...}}.
Reply error_reply(unsigned status, std::string_view code, std::string_view message, std::string_view hint);

}  // namespace reseat::proxy
