// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/access.hpp"
#include "tests/fuzz/targets.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/json.hpp>

#include <optional>

namespace reseat::fuzz {
namespace {

namespace http = boost::beast::http;
using proxy::Target;

/// An instance that counts what is changed.
struct Instance {
    asio::io_context loop{1};
    proxy::EventLog events{loop.get_executor()};
    int changes = 0;

    Instance() { events.append({.service = "web", .backend = "a", .message = "x"}); }

    proxy::AdminView view() {
        const auto change = [this](const Target& which) -> Result<void> {
            require(which.service && which.backend);
            ++changes;
            if (*which.service != "web") return Error{ErrorCode::usage, "no service " + *which.service};
            return {};
        };
        return {.snapshot = [](bool history) -> Task<proxy::Snapshot> {
                    proxy::Snapshot snapshot;
                    snapshot.history = history;
                    co_return snapshot;
                },
                .aside = [](std::function<std::string()> work) -> Task<std::string> { co_return work(); },
                .config = [] { return lb::Model(); },
                .ready = [] { return true; },
                .reload = [this]() -> Task<proxy::ReloadReport> {
                    ++changes;
                    co_return proxy::ReloadReport{.ok = true};
                },
                .known = [](const Target& which) -> Result<void> {
                    require(which.service.has_value());
                    return {};
                },
                .sockets = [](Target) -> Task<Result<lb::ListedSockets>> { co_return lb::ListedSockets(); },
                .terminate = [this](Target which) -> Task<Result<lb::TerminationReport>> {
                    require(which.service.has_value());
                    ++changes;
                    co_return lb::TerminationReport();
                },
                .set_weight = [change](const Target& which, unsigned weight) -> Result<void> {
                    require(weight <= 256);
                    return change(which);
                },
                .set_state = [change](const Target& which, lb::OperatorState) { return change(which); },
                .events = &events};
    }
};

std::optional<http::request<http::string_body>> parsed(Bytes input) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(8 * 1024);
    parser.body_limit(64 * 1024);
    parser.eager(true);
    boost::system::error_code failure;
    parser.put(asio::buffer(input.data(), input.size()), failure);
    if (failure || !parser.is_done()) return std::nullopt;
    return parser.release();
}

}  // namespace

void admin_request(Bytes input) {
    if (input.empty()) return;
    const auto door = input[0] & 1 ? proxy::ListenerKind::tcp : proxy::ListenerKind::unix_socket;
    const auto request = parsed(input.subspan(1));
    if (!request) return;
    Instance instance;
    const proxy::AdminView view = instance.view();
    auto answering =
        asio::co_spawn(instance.loop, proxy::answer(proxy::read(*request), door, view), asio::use_future);
    instance.loop.run();
    proxy::Reply reply = answering.get();
    require(reply.status >= 200 && reply.status < 600);
    require(reply.follow || reply.next_piece || !reply.body.empty());
    const std::string method(request->method_string());
    const bool only_looks = method == "GET" || method == "HEAD";
    require(instance.changes == 0 || (door == proxy::ListenerKind::unix_socket && method == "POST"));
    if (door == proxy::ListenerKind::tcp) require(only_looks || reply.status == 405);
    if (reply.status >= 400) {
        const auto body = boost::json::parse(reply.body);  // throws where it is none
        require(body.at("error").at("message").as_string().size() > 0);
    }
    const auto response = proxy::framed(std::move(reply), true);
    require(response.find("Access-Control-Allow-Origin") == response.end());
}

}  // namespace reseat::fuzz
