// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/demo/demo_report.hpp"
#include "tests/support/catch.hpp"

#include <boost/json.hpp>

using namespace reseat;
using namespace reseat::proxy;

namespace {

DemoReport good_report() {
    DemoReport report{.reason = "no answer within 200ms (2/2)", .observed = Milliseconds(4000)};
    for (const ClientKind kind : kClientKinds) {
        ClientOutcome outcome{
            .kind = kind, .noticed = Milliseconds(620.4), .error = ECONNABORTED, .back = Milliseconds(622)};
        if (is_tcp(kind)) outcome.told = Milliseconds(621);
        report.clients.push_back(outcome);
    }
    return report;
}

}  // namespace

TEST_CASE("the demo succeeds when all behind reseat work again and all others hang", "[demo]") {
    CHECK(succeeded(good_report()));
    CHECK_FALSE(succeeded(DemoReport{}));
}

TEST_CASE("the demo fails when a client without reseat heard of it too", "[demo]") {
    auto report = good_report();
    report.clients.front().control = Milliseconds(900);
    CHECK_FALSE(succeeded(report));
}

TEST_CASE("the demo fails when a client did not come back, or was not treated as its kind must be",
          "[demo]") {
    auto silent = good_report();
    silent.clients[0].told.reset();
    CHECK_FALSE(succeeded(silent));
    auto ended = good_report();
    ended.clients[2].told = Milliseconds(621);
    CHECK_FALSE(succeeded(ended));
    auto lost = good_report();
    lost.clients[3].back.reset();
    CHECK_FALSE(succeeded(lost));
}

TEST_CASE("the demo's table fits 80 columns", "[demo]") {
    const auto text = report_text(good_report(), false);
    CHECK_THAT(text, Catch::Contains("hangs, > 4000") && Catch::Contains("ECONNABORTED 621") &&
                         Catch::Contains("re-pointed 622"));
    for (const auto line : split(text, '\n')) CHECK(width(line) <= 80);
}

TEST_CASE("the demo's JSON has both columns of each client", "[demo]") {
    const boost::json::value body = report_json(good_report());
    CHECK(body.at("ok") == true);
    const auto& client = body.at("clients").at(0);
    CHECK(client.at("without").at("hangs") == true);
    CHECK(client.at("without").at("heard_ms").is_null());
    CHECK(client.at("with").at("told_ms") == 621.0);
    CHECK(client.at("with").at("error") == "ECONNABORTED");
}
