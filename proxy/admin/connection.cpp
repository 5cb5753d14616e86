// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/connection.hpp"

#include "base/race.hpp"
#include "proxy/admin/access.hpp"
#include "proxy/admin/lists_json.hpp"
#include "proxy/instance/socket.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

namespace reseat::proxy {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;
using Failure = boost::system::error_code;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;

constexpr auto kFirstRequest = 5s;
constexpr auto kNextRequest = 15s;
constexpr auto kPatience = 5s;  ///< with a client that reads nothing of an answer
constexpr auto kFarewell = 1s;  ///< for what is still on its way when we refuse
constexpr std::uint32_t kHeaderLimit = 8 * 1024;
constexpr std::uint64_t kBodyLimit = 64 * 1024;
constexpr std::size_t kFarewellLimit = 256 * 1024;
constexpr std::size_t kPiece = 64 * 1024;  ///< of a long answer; each has its own deadline

class Session {
public:
    Session(Connection connection, std::shared_ptr<Stage> stage)
        : stream_(std::move(connection.socket)),
          door_(connection.door),
          view_(connection.view),
          may_follow_(std::move(connection.may_follow)),
          stage_(std::move(stage)) {}

    Task<void> run() {
        Duration patience = kFirstRequest;
        bool goes_on = true;
        while (goes_on) {
            *stage_ = Stage::waiting;
            stream_.expires_after(patience);
            patience = kNextRequest;
            goes_on = co_await one_request();
        }
        Failure ignored;
        stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
        co_await hear_out();
    }

private:
    /// False: it was the last.
    Task<bool> one_request() {
        http::request_parser<http::string_body> parser;
        parser.header_limit(kHeaderLimit);
        parser.body_limit(kBodyLimit);
        Failure failure;
        co_await http::async_read(stream_, buffer_, parser,
                                  asio::redirect_error(asio::use_awaitable, failure));
        if (failure == http::error::end_of_stream || failure == beast::error::timeout ||
            failure == asio::error::connection_reset)
            co_return false;
        *stage_ = Stage::answering;
        Reply reply;
        if (door_ == ListenerKind::unix_socket && !peer_is_trusted(stream_.socket().native_handle())) {
            reply = error_reply(403, "forbidden", "only root and the user of this instance have access",
                                "use sudo");
            failure = http::error::end_of_stream;
        } else if (failure) {
            reply = unreadable(failure);
        } else {
            const Request request = read(parser.get());
            auto task = answer(request, door_, view_);
            reply = co_await std::move(task);
        }
        const bool is_head = parser.is_header_done() && parser.get().method() == http::verb::head;
        if (reply.follow && !is_head && !may_follow_())
            reply = error_reply(503, "too_many_followers", "too many clients are following events",
                                "stop one of them, or omit follow=1");
        if (reply.follow) {
            if (co_await begin_stream("application/x-ndjson", false) && !is_head)
                co_await follow(*reply.follow);
            co_return false;
        }
        const bool keep = !failure && parser.keep_alive() && buffer_.size() == 0;
        if (reply.next_piece && parser.get().version() < 11) co_await join_pieces(reply);
        if (reply.next_piece) co_return co_await write_pieces(reply, is_head, keep) && keep;
        co_return co_await write(std::move(reply), is_head, keep) && keep;
    }

    static Reply unreadable(const Failure& failure) {
        if (failure == http::error::header_limit || failure == http::error::body_limit ||
            failure == http::error::buffer_overflow)
            return error_reply(413, "too_large", "the request is too large",
                               "at most 8 KiB of header, 64 KiB of body");
        return error_reply(400, "bad_request", failure.message(), "send one HTTP/1.1 request");
    }

    /// False: the peer does not take it.
    Task<bool> write(Reply reply, bool is_head, bool keep) {
        http::response<http::string_body> response = framed(std::move(reply), keep);
        http::response_serializer<http::string_body> serializer(response);
        serializer.limit(kPiece);
        serializer.split(is_head);
        Failure failure;
        while (!failure && !(is_head ? serializer.is_header_done() : serializer.is_done())) {
            stream_.expires_after(kPatience);
            co_await http::async_write_some(stream_, serializer,
                                            asio::redirect_error(asio::use_awaitable, failure));
        }
        co_return !failure;
    }

    /// HTTP/1.0 knows no chunks.
    static Task<void> join_pieces(Reply& reply) {
        while (true) {
            auto task = reply.next_piece();
            const std::string piece = co_await std::move(task);
            if (piece.empty()) break;
            reply.body += piece;
        }
        reply.next_piece = nullptr;
    }

    /// The same, of an answer that is never in memory as a whole. Its end is reached in any case: what is
    /// left of it would else be freed on the loop.
    Task<bool> write_pieces(const Reply& reply, bool is_head, bool keep) {
        bool taken = co_await begin_stream(reply.content_type, keep);
        while (true) {
            auto task = reply.next_piece();
            const std::string piece = co_await std::move(task);
            if (piece.empty()) break;
            if (taken && !is_head) taken = co_await write_chunk(piece);
        }
        if (!taken || is_head) co_return taken;
        co_return co_await end_stream();
    }

    /// All that are remembered, then each as it happens.
    Task<void> follow(EventFilter filter) {
        *stage_ = Stage::following;
        const EventLog& log = *view_.events;
        while (true) {
            const LoggedEvents events = log.after(filter.since);
            if (!events.empty()) filter.since = events.back()->id;
            if (!co_await write_events(events, filter)) co_return;
            if (log.missed_after(filter.since)) co_return;  // too slow: cut off, not told lies
            if (log.last() > filter.since) continue;
            stream_.expires_never();
            auto task = unless(peer_speaks(), view_.events->news(filter.since));
            const auto more = co_await std::move(task);
            if (more && *more) continue;
            if (more) co_await end_stream();
            co_return;
        }
    }

    Task<bool> write_events(const LoggedEvents& events, const EventFilter& filter) {
        std::string lines;
        for (const auto& logged : events) {
            if (filter.takes(logged->event)) lines += boost::json::serialize(event_json(*logged)) + "\n";
            if (lines.size() < kPiece) continue;
            if (!co_await write_chunk(lines)) co_return false;
            lines.clear();
        }
        co_return lines.empty() || co_await write_chunk(lines);
    }

    Task<bool> begin_stream(std::string_view content_type, bool keep) {
        http::response<http::empty_body> head{http::status::ok, 11};
        add_common_fields(head);
        head.set(http::field::content_type, content_type);
        head.keep_alive(keep);
        head.chunked(true);
        http::response_serializer<http::empty_body> serializer(head);
        Failure failure;
        stream_.expires_after(kPatience);
        co_await http::async_write_header(stream_, serializer,
                                          asio::redirect_error(asio::use_awaitable, failure));
        co_return !failure;
    }

    Task<bool> write_chunk(const std::string& text) {
        Failure failure;
        stream_.expires_after(kPatience);
        co_await asio::async_write(stream_, http::make_chunk(asio::buffer(text)),
                                   asio::redirect_error(asio::use_awaitable, failure));
        co_return !failure;
    }

    Task<bool> end_stream() {
        Failure failure;
        stream_.expires_after(kPatience);
        co_await asio::async_write(stream_, http::make_chunk_last(),
                                   asio::redirect_error(asio::use_awaitable, failure));
        co_return !failure;
    }

    /// Or leaves.
    Task<void> peer_speaks() {
        co_await stream_.socket().async_wait(asio::socket_base::wait_read, asio::use_awaitable);
    }

    /// Closed on what is unread, a peer that still sends would lose our answer.
    Task<void> hear_out() {
        char ignored[4096];
        Failure failure;
        stream_.expires_after(kFarewell);
        for (std::size_t heard = 0; !failure && heard < kFarewellLimit;)
            heard += co_await stream_.async_read_some(asio::buffer(ignored),
                                                      asio::redirect_error(asio::use_awaitable, failure));
    }

    Stream stream_;
    const ListenerKind door_;
    const AdminView& view_;
    const std::function<bool()> may_follow_;
    const std::shared_ptr<Stage> stage_;
    beast::flat_buffer buffer_{kHeaderLimit + kBodyLimit};
};

}  // namespace

Task<void> serve(Connection connection, std::shared_ptr<Stage> stage) {
    Session session(std::move(connection), std::move(stage));
    co_await session.run();
}

}  // namespace reseat::proxy
