// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/source_record.hpp"
#include "lb/health/probe/connection.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reseat::proxy {

/// Where an HTTP source is, and how it is asked.
struct HttpServer {
    std::string host;  ///< for the Host header
    Endpoint endpoint;
    lb::TlsCheck tls;  ///< no context: plain HTTP
};

struct HttpRequest {
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
    Duration head_patience = std::chrono::seconds(10);  ///< with the connect
    Duration patience = std::chrono::minutes(1);        ///< for all of it
    Duration silence{};  ///< the body may pause for so long; 0: for as long as there is patience
};

struct HttpHead {
    unsigned status = 0;
    unsigned retry_after = 0;  ///< seconds; 0: not said
    std::string content_type, etag, date;
};

/// What takes an answer as it comes. One that returns false has had enough: the connection is closed.
struct HttpSink {
    std::function<bool(const HttpHead&)> on_head;
    std::function<bool(std::string_view)> on_piece;
};

struct HttpEnd {
    std::string failure;  ///< empty: the answer ended as it should, or the sink had enough
    lb::SourceRecord::Fault fault = lb::SourceRecord::Fault::connect;
    bool out_of_patience = false;  ///< after the head: `failure` is empty
};

/// One GET over a connection of its own. The sink must outlive the call. Throws operation_aborted when
/// cancelled.
Task<HttpEnd> http_get(HttpServer server, HttpRequest request, HttpSink& sink, lb::SocketPreparer prepare);

/// "https://HOST:PORT/PATH" in parts. Error: for people.
struct Url {
    bool tls = false;
    std::string host;  ///< a name or an address, without brackets
    std::uint16_t port = 0;
    std::string target;  ///< path and query
};
Result<Url> parse_url(std::string_view text);

/// The addresses of `host`, which may be an address itself. Blocks on no thread of ours.
Task<Result<std::vector<Endpoint>>> resolve(std::string host, std::uint16_t port);

}  // namespace reseat::proxy
