// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/access.hpp"
#include "proxy/admin/page.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/io_context.hpp>

#include <regex>

using namespace reseat;
using namespace reseat::proxy;

namespace {

Reply get(std::string target) {
    boost::asio::io_context loop(1);
    const AdminView view;
    Reply reply;
    const auto task = [](std::string asked, const AdminView& of, Reply& to) -> Task<void> {
        to = co_await answer("GET", std::move(asked), of);
    };
    const auto spawned = spawn(loop.get_executor(), "get", task(std::move(target), view, reply),
                               [](const std::string& failure) { FAIL(failure); });
    loop.run();
    return reply;
}

}  // namespace

TEST_CASE("the status page is one whole file that fetches nothing from elsewhere", "[admin][page]") {
    const std::string page(status_page());
    CHECK(page.starts_with("<!doctype html>"));
    CHECK(page.ends_with("</html>\n"));
    for (const auto* part : {"<style>", "async function poll()", "class Card"})
        CHECK(page.find(part) != std::string::npos);
    CHECK_FALSE(std::regex_search(page, std::regex("<script [^>]*src|<link [^>]*stylesheet|<img|@import")));
    CHECK_FALSE(std::regex_search(page, std::regex("innerHTML|insertAdjacentHTML|document\\.write|eval\\(")));
}

TEST_CASE("the status page is served at / with a policy for the browser", "[admin][page]") {
    for (const auto* target : {"/", "/?any"}) {
        const Reply reply = get(target);
        CHECK(reply.status == 200);
        CHECK(reply.body == status_page());
        const auto response = framed(reply, false);
        CHECK(response[boost::beast::http::field::content_type] == "text/html; charset=utf-8");
        CHECK(response["Content-Security-Policy"] == page_policy(status_page()));
    }
    CHECK(framed(get("/index.html"), false)["Content-Security-Policy"].empty());
}
