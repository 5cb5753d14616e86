// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/access.hpp"

#include "tests/support/catch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

using namespace reseat;
using namespace reseat::proxy;
namespace json = boost::json;

namespace {

Reply ask(Request request, ListenerKind door) {
    boost::asio::io_context loop(1);
    const AdminView view{.ready = [] { return true; },
                         .reload = []() -> Task<ReloadReport> { co_return ReloadReport{.ok = true}; }};
    Reply reply;
    const auto task = [](Request asked, ListenerKind through, const AdminView& of, Reply& to) -> Task<void> {
        to = co_await answer(std::move(asked), through, of);
    };
    const auto spawned = spawn(loop.get_executor(), "ask", task(std::move(request), door, view, reply),
                               [](const std::string& failure) { FAIL(failure); });
    loop.run();
    return reply;
}

}  // namespace

TEST_CASE("the TCP listener is read-only, whatever the path", "[admin][access]") {
    for (const auto* method : {"POST", "PUT", "DELETE", "OPTIONS", "BREW"})
        for (const auto* target : {"/reload", "/services/a/terminate", "/ready", "/nothing"}) {
            const Reply reply = ask({method, target, "127.0.0.1:9901"}, ListenerKind::tcp);
            CHECK(reply.status == 405);
            CHECK(reply.allow == "GET, HEAD");
            CHECK_THAT(std::string(json::parse(reply.body).at("error").at("message").as_string()),
                       Catch::Contains("the TCP listener is read-only"));
        }
    CHECK(ask({"POST", "/reload", "reseat"}, ListenerKind::unix_socket).status == 200);
}

TEST_CASE("over TCP a name that was made to point here is not answered", "[admin][access]") {
    CHECK(ask({"GET", "/ready", "evil.example:9901"}, ListenerKind::tcp).status == 403);
    CHECK(ask({"GET", "/ready", ""}, ListenerKind::tcp).status == 403);
    CHECK(ask({"GET", "/ready", "127.0.0.1:9901"}, ListenerKind::tcp).status == 200);
    CHECK(ask({"GET", "/ready", "evil.example"}, ListenerKind::unix_socket).status == 200);
}

TEST_CASE("addresses and localhost are told from names", "[admin][access]") {
    for (const auto* good : {"127.0.0.1", "127.0.0.1:9901", "[::1]", "[::1]:9901", "localhost",
                             "localhost:9901", "10.0.0.1:80", "[::ffff:1.2.3.4]:80"})
        CHECK(is_address_or_localhost(good));
    for (const auto* bad : {"", ":", "evil", "evil.localhost", "localhost.evil", "127.0.0.1.evil", "::1",
                            "[::1", "[]", "[]:80", "1.2.3", "[127.0.0.1].evil:80", "0x7f000001"})
        CHECK_FALSE(is_address_or_localhost(bad));
}

TEST_CASE("HEAD is answered as GET", "[admin][access]") {
    CHECK(ask({"HEAD", "/ready", "localhost"}, ListenerKind::tcp).status == 200);
    CHECK(ask({"HEAD", "/ready", "reseat"}, ListenerKind::unix_socket).body == "{\"ready\":true}\n");
    CHECK(ask({"HEAD", "/reload", "reseat"}, ListenerKind::unix_socket).status == 405);
}

TEST_CASE("answers say that they are not to be kept, guessed at or read by other pages", "[admin][access]") {
    const auto response = framed({.status = 405, .body = "{}", .allow = "GET"}, true);
    CHECK(response["Cache-Control"] == "no-store");
    CHECK(response["X-Content-Type-Options"] == "nosniff");
    CHECK(response["Allow"] == "GET");
    CHECK(response["Content-Type"] == "application/json");
    CHECK(response["Content-Length"] == "2");
    CHECK(response.find("Access-Control-Allow-Origin") == response.end());
}
