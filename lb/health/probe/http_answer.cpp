// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/http_answer.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace reseat::lb {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kMaxHeader = 8 * 1024;
constexpr std::size_t kMaxWire = 4 * kMaxAnswer;
constexpr std::size_t kReadSize = 2048;

std::string describe(const std::vector<std::pair<unsigned, unsigned>>& ranges) {
    std::string text;
    for (const auto& [first, last] : ranges) {
        if (!text.empty()) text += ", ";
        text += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
    }
    return text;
}

bool is_expected(unsigned status, const HttpCheck& check) {
    return std::ranges::any_of(check.expected_statuses, [status](const auto& range) {
        return range.first <= status && status <= range.second;
    });
}

class HttpAnswer {
public:
    HttpAnswer(const HttpCheck& check, Connection& connection)
        : check_(check), connection_(connection), buffer_(2 * kMaxHeader) {
        parser_.header_limit(kMaxHeader);
        parser_.body_limit(boost::none);  // read_body() stops by itself
        parser_.skip(check_.method == "HEAD");
    }

    Task<ProbeResult> read();

private:
    Task<ProbeResult> read_body();
    Task<error_code> parse_more();
    ProbeResult failure(const error_code& error, std::string_view what) const;
    unsigned status() const { return parser_.get().result_int(); }

    const HttpCheck& check_;
    Connection& connection_;
    boost::beast::flat_buffer buffer_;
    http::response_parser<http::buffer_body> parser_;
    std::size_t received_ = 0;
};

Task<ProbeResult> HttpAnswer::read() {
    while (!parser_.is_header_done())
        if (const auto error = co_await parse_more()) co_return failure(error, "before the answer");
    if (!is_expected(status(), check_)) {
        auto detail = fmt::format("HTTP {}, expected {}", status(), describe(check_.expected_statuses));
        co_return ProbeResult{ProbeOutcome::answered_badly, std::move(detail)};
    }
    if (!check_.expect_body.empty()) co_return co_await read_body();
    co_return ProbeResult{ProbeOutcome::passed, fmt::format("HTTP {}", status())};
}

Task<ProbeResult> HttpAnswer::read_body() {
    Expectation expectation(check_.expect_body);
    std::array<char, kReadSize> piece;
    auto& body = parser_.get().body();
    while (!parser_.is_done() && !expectation.full()) {
        body.data = piece.data();
        body.size = piece.size();
        body.more = true;
        const auto error = co_await parse_more();
        if (error && error != http::error::need_buffer) co_return failure(error, "during the answer");
        if (expectation.add({piece.data(), piece.size() - body.size})) {
            auto detail = fmt::format("HTTP {}, body as expected", status());
            co_return ProbeResult{ProbeOutcome::passed, std::move(detail)};
        }
    }
    auto detail = fmt::format("HTTP {}, body without the expected text", status());
    co_return ProbeResult{ProbeOutcome::answered_badly, std::move(detail)};
}

/// Reads until the parser gets on. Not Beast's async_read_some: that reports bytes only at its end, and a
/// peer that drips a header for ever could not be told from one that is silent.
Task<error_code> HttpAnswer::parse_more() {
    error_code result = http::error::need_more;
    if (buffer_.size() > 0) buffer_.consume(parser_.put(buffer_.data(), result));
    while (result == http::error::need_more) {
        if (buffer_.max_size() - buffer_.size() < kReadSize) co_return http::error::buffer_overflow;
        if (received_ >= kMaxWire) co_return http::error::body_limit;
        const auto room = buffer_.prepare(kReadSize);
        const auto [error, size] =
            co_await connection_.read_some({static_cast<char*>(room.data()), room.size()});
        if (error == asio::error::eof && parser_.got_some()) {
            result = {};
            parser_.put_eof(result);
            co_return result;
        }
        if (error) co_return error;
        received_ += size;
        buffer_.commit(size);
        buffer_.consume(parser_.put(buffer_.data(), result));
    }
    co_return result;
}

ProbeResult HttpAnswer::failure(const error_code& error, std::string_view what) const {
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return {ProbeOutcome::answered_badly, fmt::format("header of more than {} KiB", kMaxHeader / 1024)};
    if (error == http::error::body_limit)
        return {ProbeOutcome::answered_badly,
                fmt::format("undecided after {} KiB of answer", kMaxWire / 1024)};
    if (error == http::error::end_of_stream || error == http::error::partial_message)
        return {ProbeOutcome::answered_badly, fmt::format("connection closed {}", what)};
    if (error.category() == http::make_error_code(http::error::bad_version).category())
        return {ProbeOutcome::answered_badly, fmt::format("not HTTP: {}", error.message())};
    return connection_.failure(error, what);
}

}  // namespace

Task<ProbeResult> read_http_answer(const HttpCheck& check, Connection& connection) {
    HttpAnswer answer(check, connection);
    co_return co_await answer.read();
}

}  // namespace reseat::lb
