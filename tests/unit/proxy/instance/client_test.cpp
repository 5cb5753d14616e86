// SPDX-License-Identifier: Apache-2.0
#include "proxy/instance/client.hpp"

#include "base/task.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <filesystem>
#include <thread>

#include <unistd.h>

using namespace reseat;
using namespace reseat::proxy;

namespace {

/// Listens at a path of its own, answers one request with these pieces, and hangs up.
class OneAnswer {
public:
    explicit OneAnswer(std::vector<std::string> pieces)
        : path_("/tmp/reseat-unit-" + std::to_string(::getpid()) + ".sock"), acceptor_(loop_, free_path()) {
        thread_ = std::thread([this, pieces = std::move(pieces)] {
            // Who only looks whether somebody listens hangs up at once.
            auto client = acceptor_.accept();
            boost::system::error_code hung_up;
            while (asio::read_until(client, asio::dynamic_buffer(request_), "\r\n\r\n", hung_up) == 0)
                client = acceptor_.accept();
            for (const auto& piece : pieces) asio::write(client, asio::buffer(piece));
        });
    }
    ~OneAnswer() {
        end();
        std::filesystem::remove(path_);
    }

    const std::string& path() const { return path_; }
    /// What it was asked, once it has answered.
    const std::string& request() {
        end();
        return request_;
    }

private:
    std::string free_path() const {
        std::filesystem::remove(path_);
        return path_;
    }
    void end() {
        if (thread_.joinable()) thread_.join();
    }

    std::string path_;
    asio::io_context loop_;
    asio::local::stream_protocol::acceptor acceptor_;
    std::string request_;
    std::thread thread_;
};

const std::string kChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(const std::string& text) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", text.size());
    return size + text + "\r\n";
}

}  // namespace

TEST_CASE("lines that go on are given out one by one, however they come", "[admin][client]") {
    OneAnswer server({kChunked, chunk("{\"id\":1}\n{\"i"), chunk("d\":2"), chunk("}\n"), "0\r\n\r\n"});
    std::vector<std::string> lines;
    const auto reply = admin_follow(server.path(), "/events?follow=1",
                                    [&](std::string_view line) { lines.emplace_back(line); });
    REQUIRE(reply.has_value());
    CHECK(reply->status == 200);
    CHECK(lines == std::vector<std::string>{"{\"id\":1}", "{\"id\":2}"});
    CHECK_THAT(server.request(), Catch::StartsWith("GET /events?follow=1 HTTP/1.1\r\n"));
}

TEST_CASE("an answer that breaks off is an error after the lines that came", "[admin][client]") {
    OneAnswer server({kChunked, chunk("{\"id\":1}\n")});
    std::size_t lines = 0;
    const auto reply = admin_follow(server.path(), "/events", [&](std::string_view) { ++lines; });
    CHECK_FALSE(reply.has_value());
    CHECK(lines == 1);
}

TEST_CASE("a refusal is no line: its body comes back", "[admin][client]") {
    const std::string body =
        R"({"error":{"code":"not_found","message":"no service x","hint":"reseat ls lists those that there are"}})";
    OneAnswer server(
        {"HTTP/1.1 404 Not Found\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n", body});
    const auto reply = admin_follow(server.path(), "/events", [](std::string_view) { FAIL("a line"); });
    REQUIRE(reply.has_value());
    CHECK(reply->status == 404);
    CHECK(error_of(*reply, server.path()).message == "no service x; reseat ls lists those that there are");
}

TEST_CASE("nobody there is an error that says so", "[admin][client]") {
    const auto reply = admin_follow("/tmp/reseat-unit-nobody.sock", "/events", [](std::string_view) {});
    REQUIRE_FALSE(reply.has_value());
    CHECK_THAT(reply.error().message,
               Catch::StartsWith("there is no instance at /tmp/reseat-unit-nobody.sock"));
}
