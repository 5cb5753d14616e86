// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/routes.hpp"
#include "proxy/instance/listener.hpp"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <string>
#include <string_view>

/// HTTP's side of requests and answers: access control, and how an answer is framed.
namespace reseat::proxy {

/// What counts of a request.
struct Request {
    std::string method;  ///< as it was sent
    std::string target;
    std::string host;  ///< of the Host field; empty: there is none
};

Request read(const boost::beast::http::request<boost::beast::http::string_body>& request);

/// Answers one request, or says why not. Over TCP nothing can be changed, and the host that is asked for must
/// be an IP address or localhost: a page from elsewhere whose name was made to point here cannot read it.
Task<Reply> answer(Request request, ListenerKind door, const AdminView& view);

/// True for "127.0.0.1", "[::1]:9901", "localhost:9901" ...
bool is_address_or_localhost(std::string_view host);

boost::beast::http::response<boost::beast::http::string_body> framed(Reply reply, bool keep_alive);

/// "Sat, 28 Nov 2026 06:30:00 GMT" (RFC 9110, 5.6.7)
std::string http_date(std::chrono::system_clock::time_point at);

/// Fields of every answer: the server's name, and what browsers may do with it.
template <class Response>
void add_common_fields(Response& response) {
    namespace http = boost::beast::http;
    response.set(http::field::server, "reseat/" RESEAT_VERSION);
    response.set(http::field::date, http_date(std::chrono::system_clock::now()));
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
}

}  // namespace reseat::proxy
