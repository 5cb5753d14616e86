// SPDX-License-Identifier: Apache-2.0
#include "lb/health/http_probe.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace reseat::lb {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kMaxHeader = 8 * 1024;
constexpr std::size_t kReadSize = 2048;

std::string host_header(const HttpCheck& check, const Endpoint& endpoint, bool tls) {
    if (!check.host.empty()) return check.host;
    const auto text = to_string(endpoint);
    return endpoint.port == (tls ? 443 : 80) ? text.substr(0, text.rfind(':')) : text;
}

std::string describe(const std::vector<std::pair<unsigned, unsigned>>& ranges) {
    std::string text;
    for (const auto& [first, last] : ranges) {
        if (!text.empty()) text += ", ";
        text += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
    }
    return text;
}

/// "[::1]:80" is ::1, "web:80" and "web" are web.
std::string without_port(const std::string& host) {
    if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.find(':'));
}

std::string request_text(const HttpCheck& check, const Endpoint& endpoint, bool tls) {
    http::request<http::empty_body> request;
    request.version(11);
    request.method_string(check.method);
    request.target(check.path);
    request.set(http::field::host, host_header(check, endpoint, tls));
    request.set(http::field::user_agent, "reseat");
    request.set(http::field::connection, "close");
    for (const auto& [name, value] : check.headers) request.set(name, value);
    std::ostringstream text;
    text << request;
    return std::move(text).str();
}

ProbeResult read_failure(const Connection& connection, const error_code& error, std::string_view what) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return {ProbeOutcome::answered_badly, fmt::format("header of more than {} KiB", kMaxHeader / 1024)};
    if (error == http::error::end_of_stream || error == http::error::partial_message)
        return {ProbeOutcome::answered_badly, fmt::format("connection closed {}", what)};
    if (error.category() == http::make_error_code(http::error::bad_version).category())
        return {ProbeOutcome::answered_badly, fmt::format("not HTTP: {}", error.message())};
    return connection.failure(error, what);
}

/// Reads until the parser gets on. Not Beast's async_read_some: that tells of bytes only at its end, and a
/// peer that drips a header for ever could not be told from one that is silent.
Task<error_code> parse_more(Connection& connection, boost::beast::flat_buffer& buffer,
                            http::basic_parser<false>& parser) {
    error_code result = http::error::need_more;
    if (buffer.size() > 0) buffer.consume(parser.put(buffer.data(), result));
    while (result == http::error::need_more) {
        if (buffer.max_size() - buffer.size() < kReadSize) co_return error_code(http::error::buffer_overflow);
        const auto room = buffer.prepare(kReadSize);
        const auto [error, size] =
            co_await connection.read_some({static_cast<char*>(room.data()), room.size()});
        if (error == asio::error::eof && parser.got_some()) {
            result = {};
            parser.put_eof(result);
            co_return result;
        }
        if (error) co_return error;
        buffer.commit(size);
        buffer.consume(parser.put(buffer.data(), result));
    }
    co_return result;
}

}  // namespace

HttpProbe::HttpProbe(HttpCheck check, const TlsCheck& tls, const Endpoint& endpoint, SocketPreparer prepare)
    : check_(std::move(check)),
      dial_{endpoint, std::move(prepare), tls},
      request_(request_text(check_, endpoint, tls.context != nullptr)),
      asked_(fmt::format("{} {}", check_.method, abbreviated(check_.path))) {
    if (tls.server_name.empty()) dial_.tls.server_name = without_port(check_.host);
}

Task<ProbeResult> HttpProbe::once(Duration timeout) {
    Progress progress;
    auto result = co_await within(timeout, progress, attempt(progress));
    if (progress.connected) result.detail = fmt::format("{}: {}", asked_, result.detail);
    co_return result;
}

Task<ProbeResult> HttpProbe::attempt(Progress& progress) {
    auto opened = co_await connect(dial_, progress);
    if (auto* failure = std::get_if<ProbeResult>(&opened)) co_return std::move(*failure);
    const auto connection = std::get<std::unique_ptr<Connection>>(std::move(opened));
    if (const auto error = co_await connection->write(request_))
        co_return connection->failure(error, "while sending");
    co_return co_await read_answer(*connection);
}

Task<ProbeResult> HttpProbe::read_answer(Connection& connection) {
    boost::beast::flat_buffer buffer(2 * kMaxHeader);
    Parser parser;
    parser.header_limit(kMaxHeader);
    parser.body_limit(boost::none);  // read_body() stops by itself
    parser.skip(check_.method == "HEAD");

    while (!parser.is_header_done()) {
        const auto error = co_await parse_more(connection, buffer, parser);
        if (error) co_return read_failure(connection, error, "before the answer");
    }
    const unsigned status = parser.get().result_int();
    if (!expected(status)) {
        auto detail = fmt::format("HTTP {}, expected {}", status, describe(check_.expected_statuses));
        co_return ProbeResult{ProbeOutcome::answered_badly, std::move(detail)};
    }
    if (!check_.expect_body.empty()) co_return co_await read_body(connection, buffer, parser);
    co_return ProbeResult{ProbeOutcome::passed, fmt::format("HTTP {}", status)};
}

Task<ProbeResult> HttpProbe::read_body(Connection& connection, boost::beast::flat_buffer& buffer,
                                       Parser& parser) {
    Expectation expectation(check_.expect_body);
    std::array<char, kReadSize> piece;
    auto& body = parser.get().body();
    while (!parser.is_done() && !expectation.full()) {
        body.data = piece.data();
        body.size = piece.size();
        body.more = true;
        const auto error = co_await parse_more(connection, buffer, parser);
        if (error && error != http::error::need_buffer)
            co_return read_failure(connection, error, "within the answer");
        if (expectation.add({piece.data(), piece.size() - body.size})) {
            auto detail = fmt::format("HTTP {}, body as expected", parser.get().result_int());
            co_return ProbeResult{ProbeOutcome::passed, std::move(detail)};
        }
    }
    auto detail = fmt::format("HTTP {}, body without the expected text", parser.get().result_int());
    co_return ProbeResult{ProbeOutcome::answered_badly, std::move(detail)};
}

bool HttpProbe::expected(unsigned status) const {
    return std::ranges::any_of(check_.expected_statuses, [status](const auto& range) {
        return range.first <= status && status <= range.second;
    });
}

}  // namespace reseat::lb
