// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/client.hpp"

#include "proxy/admin/socket.hpp"
#include "proxy/options.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

namespace reseat::proxy {
namespace {

namespace asio = lb::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;

constexpr auto kDeadline = 5s;
constexpr std::uint64_t kBodyLimit = 256 * 1024 * 1024;  ///< the status of 100,000 backends has some 50 MB

lb::Task<void> get(std::string socket, std::string target, HttpReply& reply) {
    beast::basic_stream<AdminSocket::Protocol> stream(co_await asio::this_coro::executor);
    stream.expires_after(kDeadline);
    const AdminSocket::Protocol::endpoint endpoint(socket);
    co_await stream.async_connect(endpoint, asio::use_awaitable);
    http::request<http::empty_body> request{http::verb::get, target, 11};
    request.set(http::field::host, "reseat");
    request.keep_alive(false);
    co_await http::async_write(stream, request, asio::use_awaitable);
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kBodyLimit);
    co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
    reply.status = parser.get().result_int();
    reply.body = std::move(parser.get().body());
}

}  // namespace

lb::Result<HttpReply> admin_get(const std::string& socket, const std::string& target) {
    if (!std::filesystem::exists(socket) || !somebody_listens(socket))
        return lb::Error{
            lb::ErrorCode::failed,
            fmt::format("no instance answers at {}: is it running, and may you reach it?", socket)};
    asio::io_context loop(1);
    HttpReply reply;
    std::string failure;
    const auto request = lb::spawn(loop.get_executor(), "GET " + target, get(socket, target, reply),
                                   [&](const std::string& what) { failure = what; });
    loop.run();
    if (!failure.empty()) return lb::Error{lb::ErrorCode::failed, failure + " (" + socket + ")"};
    return reply;
}

lb::Result<std::string> find_admin_socket(const std::string& admin, const std::string& instance,
                                          const std::string& directory) {
    if (!admin.empty()) return admin;
    if (!instance.empty()) return default_admin_socket(instance);
    std::vector<std::string> sockets, names;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
        const auto socket = entry.path() / "admin.sock";
        if (!somebody_listens(socket)) continue;
        sockets.push_back(socket);
        names.push_back(entry.path().filename());
    }
    if (sockets.size() == 1) return sockets.front();
    if (sockets.empty())
        return lb::Error{
            lb::ErrorCode::failed,
            "no instance of reseat that you may reach is running; start one with reseat run, or name "
            "its socket with --admin"};
    std::ranges::sort(names);
    return lb::Error{lb::ErrorCode::failed,
                     fmt::format("several instances are running: choose one with --instance ({})",
                                 fmt::join(names, ", "))};
}

}  // namespace reseat::proxy
