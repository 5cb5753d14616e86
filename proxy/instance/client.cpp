// SPDX-License-Identifier: Apache-2.0
#include "proxy/instance/client.hpp"

#include "proxy/instance/socket.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace reseat::proxy {
namespace {

namespace beast = boost::beast;
namespace fs = std::filesystem;
namespace http = beast::http;
using namespace std::chrono_literals;

constexpr auto kPatience = 5s;                           ///< until the first byte of what is followed
constexpr std::uint64_t kBodyLimit = 256 * 1024 * 1024;  ///< the status of 100,000 backends has some 50 MB

struct Question {
    http::verb verb;
    std::string target;
    Duration patience;
};

using Stream = beast::basic_stream<AdminSocket::Protocol>;

Task<void> send(Stream& stream, const std::string& socket, const Question& question) {
    stream.expires_after(question.patience);
    const AdminSocket::Protocol::endpoint endpoint(socket);
    co_await stream.async_connect(endpoint, asio::use_awaitable);
    http::request<http::empty_body> request{question.verb, question.target, 11};
    request.set(http::field::host, "reseat");
    request.keep_alive(false);
    request.prepare_payload();
    co_await http::async_write(stream, request, asio::use_awaitable);
}

Task<void> ask(std::string socket, Question question, HttpReply& reply) {
    Stream stream(co_await asio::this_coro::executor);
    co_await send(stream, socket, question);
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kBodyLimit);
    co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
    reply.status = parser.get().result_int();
    reply.body = std::move(parser.get().body());
}

/// Gives the whole lines of `text` to `on_line`; what is left of it is the beginning of the next one.
void take_lines(std::string& text, const OnLine& on_line) {
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
        on_line(std::string_view(text).substr(begin, end - begin));
    text.erase(0, begin);
}

Task<void> follow(std::string socket, Question question, const OnLine& on_line, HttpReply& reply) {
    Stream stream(co_await asio::this_coro::executor);
    co_await send(stream, socket, question);
    beast::flat_buffer buffer;
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    co_await http::async_read_header(stream, buffer, parser, asio::use_awaitable);
    reply.status = parser.get().result_int();
    if (reply.status == 200) stream.expires_never();  // nothing may happen for days
    std::array<char, 16 * 1024> piece;
    while (!parser.is_done()) {
        auto& body = parser.get().body();
        body.data = piece.data();
        body.size = piece.size();
        boost::system::error_code failure;
        co_await http::async_read_some(stream, buffer, parser,
                                       asio::redirect_error(asio::use_awaitable, failure));
        if (failure && failure != http::error::need_buffer) throw boost::system::system_error(failure);
        reply.body.append(piece.data(), piece.size() - body.size);
        if (reply.status == 200) take_lines(reply.body, on_line);
    }
}

std::string names_of(const std::vector<Instance>& instances) {
    std::vector<std::string> names;
    for (const auto& instance : instances) names.push_back(instance.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

/// Why no instance can be reached at `socket`, and which can.
Error unreachable(const std::string& socket, int why) {
    std::string message;
    if (why == EACCES || why == EPERM)
        message = "no permission to connect to " + socket +
                  ": only root and the instance's user have access; use sudo";
    else if (why == ECONNREFUSED)
        message = "no process listens at " + socket + ": the instance was killed; restart it with reseat run";
    else
        message = "there is no instance at " + socket;
    const auto others = running_instances();
    if (!others.empty()) message += "; running: " + names_of(others);
    return {ErrorCode::failed, message};
}

/// Runs what `conversation` makes of a reply, to its end.
template <class Conversation>
Result<HttpReply> converse(const std::string& socket, const std::string& target, Conversation conversation) {
    if (const int why = cannot_connect(socket)) return unreachable(socket, why);
    asio::io_context loop(1);
    HttpReply reply;
    std::string failure;
    const auto running = spawn(loop.get_executor(), target, conversation(reply),
                               [&](const std::string& what) { failure = what; });
    loop.run();
    if (!failure.empty()) return Error{ErrorCode::failed, failure + " (" + socket + ")"};
    return reply;
}

Result<HttpReply> call(const std::string& socket, const Question& question) {
    return converse(socket, question.target, [&](HttpReply& reply) { return ask(socket, question, reply); });
}

}  // namespace

Result<HttpReply> admin_get(const std::string& socket, const std::string& target, Duration patience) {
    return call(socket, {http::verb::get, target, patience});
}

Result<HttpReply> admin_post(const std::string& socket, const std::string& target, Duration patience) {
    return call(socket, {http::verb::post, target, patience});
}

Result<HttpReply> admin_follow(const std::string& socket, const std::string& target, const OnLine& on_line) {
    const Question question{http::verb::get, target, kPatience};
    return converse(socket, target,
                    [&](HttpReply& reply) { return follow(socket, question, on_line, reply); });
}

Error error_of(const HttpReply& reply, const std::string& socket) {
    boost::system::error_code fault;
    const auto body = boost::json::parse(reply.body, fault);
    const auto* error = !fault && body.is_object() ? body.as_object().if_contains("error") : nullptr;
    if (error == nullptr) return {ErrorCode::failed, "the instance at " + socket + " answers: " + reply.body};
    const auto text = [&](const char* key) { return std::string(error->at(key).as_string()); };
    const std::string message = text("message");
    return {ErrorCode::failed, message.ends_with('?') ? message : message + "; " + text("hint")};
}

std::vector<Instance> running_instances(const std::string& directory) {
    std::vector<Instance> found;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(directory, ignored)) {
        const std::string socket = entry.path() / "admin.sock";
        if (is_listening(socket)) found.push_back({entry.path().filename(), socket});
    }
    std::ranges::sort(found, {}, &Instance::name);
    return found;
}

Result<std::string> find_admin_socket(const std::string& admin, const std::string& instance,
                                      const std::string& directory) {
    if (!admin.empty()) return admin;
    if (!instance.empty()) return default_admin_socket(instance);
    const auto instances = running_instances(directory);
    if (instances.size() == 1) return instances.front().socket;
    if (instances.empty())
        return Error{ErrorCode::failed,
                     "no running instance of reseat is accessible; start one with reseat run, or give its "
                     "socket with --admin"};
    return Error{
        ErrorCode::failed,
        fmt::format("several instances are running: choose one with --instance ({})", names_of(instances))};
}

std::optional<pid_t> listener_of(const std::string& socket) {
    asio::io_context loop(1);
    AdminSocket::Protocol::socket client(loop);
    boost::system::error_code failure;
    client.connect(AdminSocket::Protocol::endpoint(socket), failure);
    if (failure) return std::nullopt;
    return peer_process(client.native_handle());
}

}  // namespace reseat::proxy
