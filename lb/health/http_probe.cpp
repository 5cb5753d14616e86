// SPDX-License-Identifier: Apache-2.0
#include "lb/health/http_probe.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace reseat::lb {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kMaxHeader = 8 * 1024;
constexpr std::size_t kReadSize = 2048;

std::string host_header(const HttpCheck& check, const Endpoint& endpoint) {
    if (!check.host.empty()) return check.host;
    const auto text = to_string(endpoint);
    return endpoint.port == 80 ? text.substr(0, text.rfind(':')) : text;
}

std::string describe(const std::vector<std::pair<unsigned, unsigned>>& ranges) {
    std::string text;
    for (const auto& [first, last] : ranges) {
        if (!text.empty()) text += ", ";
        text += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
    }
    return text;
}

ProbeResult read_failure(const error_code& error, std::string_view what) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return {ProbeOutcome::answered_badly, fmt::format("header of more than {} KiB", kMaxHeader / 1024)};
    if (error == http::error::end_of_stream || error == http::error::partial_message)
        return {ProbeOutcome::answered_badly, fmt::format("connection closed {}", what)};
    if (error.category() == http::make_error_code(http::error::bad_version).category())
        return {ProbeOutcome::answered_badly, fmt::format("not HTTP: {}", error.message())};
    return talk_failure(error, what);
}

/// Reads until the parser gets on. Not Beast's async_read_some: that tells of bytes only at its end, and a
/// peer that drips a header for ever could not be told from one that is silent.
Task<error_code> parse_more(asio::ip::tcp::socket& socket, boost::beast::flat_buffer& buffer,
                            http::basic_parser<false>& parser, Progress& progress) {
    error_code result = http::error::need_more;
    if (buffer.size() > 0) buffer.consume(parser.put(buffer.data(), result));
    while (result == http::error::need_more) {
        if (buffer.max_size() - buffer.size() < kReadSize) co_return error_code(http::error::buffer_overflow);
        const auto [error, size] = co_await socket.async_read_some(buffer.prepare(kReadSize), as_result);
        if (error == asio::error::eof && parser.got_some()) {
            result = {};
            parser.put_eof(result);
            co_return result;
        }
        if (error) co_return error;
        buffer.commit(size);
        progress.received += size;
        buffer.consume(parser.put(buffer.data(), result));
    }
    co_return result;
}

}  // namespace

HttpProbe::HttpProbe(HttpCheck check, const Endpoint& endpoint, SocketPreparer prepare)
    : check_(std::move(check)), endpoint_(endpoint), prepare_(std::move(prepare)) {
    request_.version(11);
    request_.method_string(check_.method);
    request_.target(check_.path);
    request_.set(http::field::host, host_header(check_, endpoint_));
    request_.set(http::field::user_agent, "reseat");
    request_.set(http::field::connection, "close");
    for (const auto& [name, value] : check_.headers) request_.set(name, value);
}

Task<ProbeResult> HttpProbe::once(Duration timeout) {
    Progress progress;
    co_return co_await within(timeout, progress, attempt(progress));
}

Task<ProbeResult> HttpProbe::attempt(Progress& progress) {
    asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
    if (const auto error = open(socket, endpoint_, prepare_)) co_return connect_failure(error);
    const auto [refusal] = co_await socket.async_connect(to_tcp(endpoint_), as_result);
    if (refusal) co_return connect_failure(refusal);
    progress.connected = true;
    const auto [error, sent] = co_await http::async_write(socket, request_, as_result);
    if (error) co_return talk_failure(error, "while sending");
    co_return co_await read_answer(socket, progress);
}

Task<ProbeResult> HttpProbe::read_answer(asio::ip::tcp::socket& socket, Progress& progress) {
    boost::beast::flat_buffer buffer(2 * kMaxHeader);
    Parser parser;
    parser.header_limit(kMaxHeader);
    parser.body_limit(boost::none);  // read_body() stops by itself
    parser.skip(check_.method == "HEAD");

    while (!parser.is_header_done()) {
        const auto error = co_await parse_more(socket, buffer, parser, progress);
        if (error) co_return read_failure(error, "before the answer");
    }
    const unsigned status = parser.get().result_int();
    if (!expected(status)) {
        auto detail = fmt::format("HTTP {}, expected {}", status, describe(check_.expected_statuses));
        co_return ProbeResult{ProbeOutcome::answered_badly, std::move(detail)};
    }
    if (!check_.expect_body.empty()) co_return co_await read_body(socket, buffer, parser, progress);
    co_return ProbeResult{ProbeOutcome::passed, fmt::format("HTTP {}", status)};
}

Task<ProbeResult> HttpProbe::read_body(asio::ip::tcp::socket& socket, boost::beast::flat_buffer& buffer,
                                       Parser& parser, Progress& progress) {
    Expectation expectation(check_.expect_body);
    std::array<char, kReadSize> piece;
    auto& body = parser.get().body();
    while (!parser.is_done() && !expectation.full()) {
        body.data = piece.data();
        body.size = piece.size();
        body.more = true;
        const auto error = co_await parse_more(socket, buffer, parser, progress);
        if (error && error != http::error::need_buffer) co_return read_failure(error, "within the answer");
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
