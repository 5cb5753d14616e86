// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/http_get.hpp"

#include "base/printable.hpp"
#include "base/race.hpp"
#include "base/text.hpp"
#include "lb/health/probe/connect.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace reseat::proxy {
namespace {

namespace http = boost::beast::http;
using lb::error_code;
using Fault = lb::SourceRecord::Fault;
using namespace std::chrono_literals;

constexpr std::uint32_t kMaxHeader = 32 * 1024;
constexpr std::size_t kPiece = 16 * 1024;

/// A connection that is dead is noticed within half a minute, though nothing is sent.
void watch_over(int descriptor) {
    const auto set = [&](int level, int option, int value) {
        ::setsockopt(descriptor, level, option, &value, sizeof value);
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

std::string request_text(const HttpServer& server, const HttpRequest& request) {
    std::string text =
        fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: reseat\r\nConnection: close\r\n",
                    request.target, server.host);
    for (const auto& [name, value] : request.headers) text += fmt::format("{}: {}\r\n", name, value);
    return text + "\r\n";
}

unsigned number_of(std::string_view text) {
    unsigned number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// One answer on its way.
class Exchange {
public:
    Exchange(const HttpServer& server, const HttpRequest& request, HttpSink& sink, lb::SocketPreparer prepare)
        : server_(server), request_(request), sink_(sink), prepare_(std::move(prepare)) {
        parser_.header_limit(kMaxHeader);
        parser_.body_limit(boost::none);  // the sink says when it is enough
    }

    Task<HttpEnd> run() {
        auto head = with_timeout(request_.head_patience, open());
        const auto opened = co_await std::move(head);
        if (!opened)
            co_return HttpEnd{fmt::format("no answer within {}", human(request_.head_patience)),
                              Fault::connect};
        if (!opened->failure.empty() || done_) co_return *opened;
        auto body = with_timeout(request_.patience, read_body());
        auto end = co_await std::move(body);
        if (end) co_return std::move(*end);
        co_return HttpEnd{.out_of_patience = true};
    }

private:
    Task<HttpEnd> open() {
        lb::Dial dial{.endpoint = server_.endpoint, .tls = server_.tls, .endless = true};
        dial.prepare = [prepare = prepare_](int descriptor) {
            watch_over(descriptor);
            if (prepare) prepare(descriptor);
        };
        auto connected = co_await lb::connect(dial, progress_);
        if (const auto* failure = std::get_if<lb::ProbeResult>(&connected)) {
            const bool tls = failure->detail.starts_with("TLS:");
            co_return HttpEnd{failure->detail, tls ? Fault::tls : Fault::connect};
        }
        connection_ = std::get<std::unique_ptr<lb::Connection>>(std::move(connected));
        const std::string text = request_text(server_, request_);
        if (const auto error = co_await connection_->write(text)) co_return failure(error, "while asking");
        while (!parser_.is_header_done())
            if (const auto error = co_await parse_more()) co_return failure(error, "before the answer");
        const auto& answer = parser_.get();
        const auto field = [&](http::field name) {
            const auto value = answer[name];
            return std::string(value.data(), value.size());
        };
        done_ = !sink_.on_head({.status = answer.result_int(),
                                .retry_after = number_of(field(http::field::retry_after)),
                                .content_type = field(http::field::content_type),
                                .etag = field(http::field::etag),
                                .date = field(http::field::date)});
        co_return HttpEnd{};
    }

    Task<HttpEnd> read_body() {
        std::array<char, kPiece> piece;
        auto& body = parser_.get().body();
        while (!parser_.is_done()) {
            body.data = piece.data();
            body.size = piece.size();
            body.more = true;
            error_code error;
            if (request_.silence > Duration::zero()) {
                auto step = with_timeout(request_.silence, parse_more());
                const auto read = co_await std::move(step);
                if (!read) co_return HttpEnd{fmt::format("silent for {}", human(request_.silence))};
                error = *read;
            } else {
                error = co_await parse_more();
            }
            const std::size_t size = piece.size() - body.size;
            if (size > 0 && !sink_.on_piece({piece.data(), size})) co_return HttpEnd{};
            if (error && error != http::error::need_buffer) co_return failure(error, "during the answer");
        }
        co_return HttpEnd{};
    }

    /// Reads until the parser gets on.
    Task<error_code> parse_more() {
        error_code result = http::error::need_more;
        if (buffer_.size() > 0) buffer_.consume(parser_.put(buffer_.data(), result));
        while (result == http::error::need_more) {
            if (buffer_.size() >= 2 * kMaxHeader) co_return http::error::header_limit;
            const auto room = buffer_.prepare(kPiece);
            const auto [error, size] =
                co_await connection_->read_some({static_cast<char*>(room.data()), room.size()});
            if (error == asio::error::eof && parser_.got_some()) {
                result = {};
                parser_.put_eof(result);
                co_return result;
            }
            if (error) co_return error;
            buffer_.commit(size);
            buffer_.consume(parser_.put(buffer_.data(), result));
        }
        co_return result;
    }

    HttpEnd failure(const error_code& error, std::string_view what) const {
        if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
        if (error == http::error::end_of_stream || error == http::error::partial_message)
            return {fmt::format("the connection was closed {}", what), Fault::connect};
        if (error.category() == http::make_error_code(http::error::bad_version).category())
            return {fmt::format("not HTTP: {}", error.message()), Fault::malformed};
        return {connection_->failure(error, what).detail, Fault::connect};
    }

    const HttpServer& server_;
    const HttpRequest& request_;
    HttpSink& sink_;
    lb::SocketPreparer prepare_;
    lb::Progress progress_;
    std::unique_ptr<lb::Connection> connection_;
    boost::beast::flat_buffer buffer_;
    http::response_parser<http::buffer_body> parser_;
    bool done_ = false;
};

}  // namespace

Task<HttpEnd> http_get(HttpServer server, HttpRequest request, HttpSink& sink, lb::SocketPreparer prepare) {
    Exchange exchange(server, request, sink, std::move(prepare));
    auto running = exchange.run();
    co_return co_await std::move(running);
}

Result<Url> parse_url(std::string_view text) {
    const Error fault{ErrorCode::usage,
                      "is not a URL; write it as https://relay.internal:9902/endpoints/web"};
    Url url;
    if (text.starts_with("https://"))
        url.tls = true;
    else if (!text.starts_with("http://"))
        return fault;
    text.remove_prefix(url.tls ? 8 : 7);
    const auto slash = text.find('/');
    url.target = slash == std::string_view::npos ? "/" : std::string(text.substr(slash));
    std::string_view authority = text.substr(0, slash);
    url.port = url.tls ? 443 : 80;
    const auto colon = authority.rfind(':');
    const bool v6 = authority.starts_with('[');
    if (colon != std::string_view::npos && (!v6 || colon > authority.find(']'))) {
        const auto digits = authority.substr(colon + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
        if (error != std::errc{} || end != digits.data() + digits.size() || url.port == 0) return fault;
        authority = authority.substr(0, colon);
    }
    if (v6) {
        if (!authority.ends_with(']')) return fault;
        authority = authority.substr(1, authority.size() - 2);
    }
    if (authority.empty()) return fault;
    for (const unsigned char c : authority)
        if (!std::isalnum(c) && c != '-' && c != '.' && c != '_' && c != ':') return fault;
    for (const unsigned char c : url.target)
        if (c <= 0x20 || c >= 0x7f) return fault;
    url.host = authority;
    return url;
}

Task<Result<std::vector<Endpoint>>> resolve(std::string host, std::uint16_t port) {
    std::vector<Endpoint> found;
    if (const auto address = parse_address(host)) {
        found.push_back({*address, port});
        co_return found;
    }
    asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
    const auto [error, results] = co_await resolver.async_resolve(host, "", lb::as_result);
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    if (error) co_return Error{ErrorCode::failed, fmt::format("{}: {}", host, error.message())};
    for (const auto& result : results)
        if (const auto address = parse_address(result.endpoint().address().to_string()))
            found.push_back({*address, port});
    if (found.empty()) co_return Error{ErrorCode::failed, host + ": it has no address"};
    co_return found;
}

}  // namespace reseat::proxy
