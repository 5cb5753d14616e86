// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <spdlog/spdlog.h>

#include <memory>

namespace reseat::proxy {
namespace {

namespace asio = lb::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;
using Stream = beast::basic_stream<AdminSocket::Protocol>;
using Response = http::response<http::string_body>;

constexpr std::size_t kMaxConnections = 64;
constexpr auto kDeadline = 5s;
constexpr std::uint32_t kHeaderLimit = 8 * 1024;
constexpr std::uint64_t kBodyLimit = 64 * 1024;
constexpr auto kPause = 50ms;  ///< before another accept() when full or out of descriptors

Response framed(const Reply& reply, unsigned version) {
    Response response{static_cast<http::status>(reply.status), version};
    response.set(http::field::server, "reseat/" RESEAT_VERSION);
    response.set(http::field::content_type, "application/json");
    response.set(http::field::cache_control, "no-store");
    if (!reply.allow.empty()) response.set(http::field::allow, reply.allow);
    response.keep_alive(false);
    response.body() = reply.body;
    response.prepare_payload();
    return response;
}

}  // namespace

AdminServer::AdminServer(AdminSocket socket, AdminView view)
    : socket_(std::move(socket)), view_(std::move(view)) {}

lb::Task<void> AdminServer::run() {
    auto& acceptor = socket_.acceptor();
    const std::unique_ptr<AdminServer, void (*)(AdminServer*)> at_end(
        this, [](AdminServer* server) { server->connections_.clear(); });
    while (true) {
        forget_finished();
        boost::system::error_code failure;
        if (connections_.size() < kMaxConnections) {
            auto socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, failure));
            if (!failure) {
                start(std::move(socket));
                continue;
            }
            if (failure != asio::error::operation_aborted)
                spdlog::warn("admin socket: {}", failure.message());
        }
        co_await lb::sleep_for(kPause);
    }
}

void AdminServer::start(Socket socket) {
    const auto id = next_id_++;
    auto executor = socket.get_executor();
    connections_.emplace(id, lb::spawn(executor, "admin connection", serve(id, std::move(socket)),
                                       [](const std::string& failure) { spdlog::warn("{}", failure); }));
}

void AdminServer::forget_finished() {
    for (const auto id : *finished_) connections_.erase(id);
    finished_->clear();
}

lb::Task<void> AdminServer::serve(std::uint64_t id, Socket socket) {
    const auto finish = [id](std::vector<std::uint64_t>* finished) { finished->push_back(id); };
    const auto finished = finished_;  // may outlive this object, in the loop
    const std::unique_ptr<std::vector<std::uint64_t>, decltype(finish)> at_end(finished.get(), finish);
    Stream stream(std::move(socket));
    stream.expires_after(kDeadline);
    beast::flat_buffer buffer(kHeaderLimit + kBodyLimit);
    http::request_parser<http::string_body> parser;
    parser.header_limit(kHeaderLimit);
    parser.body_limit(kBodyLimit);
    boost::system::error_code failure;
    co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, failure));
    Reply reply;
    bool silent = false;
    if (!peer_is_trusted(stream.socket().native_handle()))
        reply = error_reply(403, "forbidden", "only root and the user of this instance may ask", "use sudo");
    else if (failure == http::error::header_limit || failure == http::error::body_limit)
        reply = error_reply(413, "too_large", "the request is too large",
                            "at most 8 KiB of header, 64 KiB of body");
    else if (failure == http::error::end_of_stream || failure == beast::error::timeout)
        silent = true;
    else if (failure)
        reply = error_reply(400, "bad_request", failure.message(), "send one HTTP/1.1 request");
    else
        reply = co_await answer(std::string(parser.get().method_string()), std::string(parser.get().target()),
                                view_);
    if (!silent) {
        stream.expires_after(kDeadline);
        const Response response = framed(reply, 11);
        co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, failure));
        stream.socket().shutdown(AdminSocket::Protocol::socket::shutdown_send, failure);
    }
}

}  // namespace reseat::proxy
