// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/show/lists_text.hpp"
#include "proxy/show/status_text.hpp"
#include "tests/support/catch.hpp"

#include <boost/json.hpp>

using namespace reseat;
using namespace reseat::proxy;
using namespace std::chrono_literals;
namespace json = boost::json;
using Catch::Contains;

namespace {

const SystemTime kNow = *parse_iso8601("2026-11-22T15:05:00Z");

BackendView backend(const char* name, const char* state, double share) {
    BackendView one{.name = name, .address = "10.0.1.11:5432", .state = state};
    one.since = kNow - 90s;
    one.weight = 1;
    one.share = share;
    return one;
}

StatusView two_of_three() {
    StatusView status{.instance = "default",
                      .ready = true,
                      .started_at = kNow - 3h,
                      .workload = {.cgroup = "/sys/fs/cgroup/app"}};
    ServiceView service{
        .name = "postgres", .protocol = "tcp", .addresses = {"10.96.0.10:5432", "[fd00::10]:5432"}};
    service.eligible = 2;
    service.total = 3;
    service.backends = {backend("pg-1", "down", 0), backend("pg-2", "up", 0.997),
                        backend("pg-3", "up", 0.003)};
    service.backends.front().reason = "no answer within 1s (3/3)";
    service.backends.front().waiting = 1;
    status.services = {service};
    return status;
}

void check_fits(const std::string& text, std::size_t columns) {
    for (const auto line : split(text, '\n')) CHECK(width(line) <= columns);
}

}  // namespace

TEST_CASE("ls says how many backends of each service are eligible", "[tables]") {
    const auto text = services_text(two_of_three(), kNow, 80, false);
    CHECK_THAT(text, Contains("default: ready, running for 3 h, workload /sys/fs/cgroup/app\n"));
    CHECK_THAT(text, Contains("postgres  tcp    10.96.0.10:5432 +1       2/3"));
    check_fits(text, 80);
    check_fits(services_text(two_of_three(), kNow, 50, false), 50);
}

TEST_CASE("backends says what share each gets, and below it why it gets none", "[tables]") {
    const auto text = backends_text(two_of_three().services, kNow, 80, false);
    CHECK_THAT(text, Contains("down   90 s      -       1     0     0\n"
                              "    no answer within 1s (3/3); 1 socket waiting for an eligible backend\n"));
    CHECK_THAT(text, Contains("100 %") && Contains("0.3 %"));
    check_fits(text, 80);
    check_fits(backends_text(two_of_three().services, kNow, 60, false), 60);
}

TEST_CASE("an event is a line with its time and level, its details stand below", "[tables]") {
    json::object event{
        {"at", "2026-11-22T15:00:00.000Z"}, {"level", "warn"}, {"message", "postgres/pg-1 is DOWN\x1b[2J"}};
    CHECK(event_text(event, false) == "2026-11-22T15:00:00.000Z warn  postgres/pg-1 is DOWN [2J\n");
    event["details"] = json::array{"a.yaml:1:1: error: x"};
    CHECK_THAT(event_text(event, false), Catch::EndsWith("\n    a.yaml:1:1: error: x\n"));
    CHECK_THAT(event_text(event, true), Contains("\033[33mwarn \033[0m"));
}

TEST_CASE("tables tell which half of a service for both protocols is meant", "[tables]") {
    auto status = two_of_three();
    status.services.push_back(status.services.front());
    status.services.back().protocol = "udp";
    for (auto& service : status.services) service.is_half = true;
    status.services.back().last_failover = {kNow - 5min, "pg-1", "no answer within 1s (3/3)", 1, 0, 1,
                                            0,           900us};
    for (const auto& text :
         {backends_text(status.services, kNow, 0, false), status_text(status, kNow, 0, false)})
        CHECK_THAT(text, Contains("postgres/pg-1 (tcp) ") && Contains("postgres/pg-3 (udp) "));
    CHECK_THAT(status_text(status, kNow, 0, false),
               Contains("last failover 5 min ago: postgres/pg-1 (udp): "));
}

TEST_CASE("a small share is told with the digits that it needs", "[tables]") {
    const std::pair<double, const char*> shares[] = {
        {0, "-"},         {1, "100 %"},        {0.5, "50 %"},
        {0.05, "5 %"},    {1.0 / 60, "1.7 %"}, {1.0 / 200, "0.5 %"},
        {1e-4, "0.01 %"}, {1e-6, "< 0.01 %"}};
    for (const auto& [share, text] : shares) CHECK(percent(share) == text);
}
