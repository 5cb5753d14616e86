// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/access.hpp"

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <fmt/chrono.h>

#include <optional>

namespace reseat::proxy {
namespace {

namespace http = boost::beast::http;

std::optional<Reply> refusal_over_tcp(const Request& request) {
    if (request.method != "GET" && request.method != "HEAD") {
        Reply reply = error_reply(405, "read_only", "the TCP listener is read-only",
                                  "use the reseat command or the Unix socket on the machine itself");
        reply.allow = "GET, HEAD";
        return reply;
    }
    if (!is_address_or_localhost(request.host))
        return error_reply(403, "foreign_host", "the requested host is neither an IP address nor localhost",
                           "use http://ADDRESS:PORT/ with the address of admin.address");
    return std::nullopt;
}

}  // namespace

Request read(const http::request<http::string_body>& request) {
    const auto host = request.find(http::field::host);
    return {std::string(request.method_string()), std::string(request.target()),
            host == request.end() ? "" : std::string(host->value())};
}

bool is_address_or_localhost(std::string_view host) {
    const auto port_at = host.ends_with(']') ? std::string_view::npos : host.rfind(':');
    std::string_view name = host.substr(0, port_at);
    if (name == "localhost") return true;
    const bool bracketed = name.size() > 2 && name.starts_with('[') && name.ends_with(']');
    if (bracketed) name = name.substr(1, name.size() - 2);
    const auto address = parse_address(name);
    return address && (address->family() == Family::v4 || bracketed);
}

Task<Reply> answer(Request request, ListenerKind door, const AdminView& view) {
    if (door == ListenerKind::tcp)
        if (auto refusal = refusal_over_tcp(request)) co_return std::move(*refusal);
    std::string method = request.method == "HEAD" ? "GET" : std::move(request.method);
    auto task = answer(std::move(method), std::move(request.target), view);
    co_return co_await std::move(task);
}

std::string http_date(std::chrono::system_clock::time_point at) {
    return fmt::format("{:%a, %d %b %Y %H:%M:%S GMT}", fmt::gmtime(std::chrono::system_clock::to_time_t(at)));
}

http::response<http::string_body> framed(Reply reply, bool keep_alive) {
    http::response<http::string_body> response{static_cast<http::status>(reply.status), 11};
    add_common_fields(response);
    response.set(http::field::content_type, reply.content_type);
    if (!reply.allow.empty()) response.set(http::field::allow, reply.allow);
    if (!reply.policy.empty()) response.set("Content-Security-Policy", reply.policy);
    response.keep_alive(keep_alive);
    response.body() = std::move(reply.body);
    response.prepare_payload();
    return response;
}

}  // namespace reseat::proxy
