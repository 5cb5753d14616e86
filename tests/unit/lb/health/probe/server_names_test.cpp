// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/server_names.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;
using namespace reseat::lb;

TEST_CASE("the Host header and the authority are the backend's own name, with the port", "[probe]") {
    const auto host = [](CheckType type, const ProbeTarget& target, const std::string& of_check = "",
                         bool tls = false) {
        HealthCheck check;
        check.type = type;
        check.http.host = of_check;
        if (tls) check.tls.context = std::make_shared<TlsContext>(false);
        return server_names(check, target).host;
    };
    const auto at = [](std::uint16_t port) { return Endpoint{*parse_address("10.0.0.1"), port}; };
    const auto http = CheckType::http, grpc = CheckType::grpc;
    CHECK(host(http, {.endpoint = at(8080), .dns_name = "web.internal"}) == "web.internal:8080");
    CHECK(host(http, {.endpoint = at(80), .dns_name = "web.internal"}) == "web.internal");
    CHECK(host(http, {.endpoint = at(443), .dns_name = "web.internal"}, "", true) == "web.internal");
    CHECK(host(http, {.endpoint = at(443), .dns_name = "web.internal"}) == "web.internal:443");
    CHECK(host(http, {.endpoint = at(80)}) == "10.0.0.1");
    CHECK(host(http, {.endpoint = at(8080)}) == "10.0.0.1:8080");
    CHECK(host(http, {.endpoint = at(80), .dns_name = "web.internal"}, "all.test") == "all.test");
    CHECK(host(http, {.endpoint = at(80), .host = "own.test"}, "all.test") == "own.test");
    CHECK(host(grpc, {.endpoint = at(443), .dns_name = "web.internal"}) == "web.internal:443");
    CHECK(host(grpc, {.endpoint = at(443), .host = "own.test"}) == "own.test");
    CHECK(host(grpc, {.endpoint = at(443)}) == "10.0.0.1:443");
}
