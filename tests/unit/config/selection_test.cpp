// SPDX-License-Identifier: Apache-2.0
#include "lb/model.hpp"
#include "tests/unit/config/support.hpp"

namespace reseat::config {
namespace {

using namespace std::chrono_literals;

const std::string kNeedsKey = "lb_policy: maglev needs a hash key; write hash_key: workload, uid or process";
const std::string kNeedless = "hash_key: only maglev uses it; write lb_policy: maglev or remove the key";

TEST_CASE("how a backend is chosen", "[config]") {
    CHECK(service_with("lb_policy: least_conn").lb_policy == lb::LbPolicy::least_conn);
    const auto maglev = service_with("lb_policy: maglev\n    hash_key: process");
    CHECK(maglev.lb_policy == lb::LbPolicy::maglev);
    CHECK(maglev.hash_key == lb::HashKey::process);
    CHECK(service_with("panic_threshold: 50").panic_threshold == 50);
    CHECK(service_with("slow_start: 30s").slow_start == 30s);
    CHECK(service_with("on_no_healthy: reject").panic_threshold == 0);
}

TEST_CASE("maglev needs a hash_key, and nothing else has one", "[config]") {
    CHECK(fault_of("lb_policy: maglev") == "6:16 " + kNeedsKey);
    CHECK(fault_of("hash_key: uid") == "6:15 " + kNeedless);
    CHECK(fault_of("lb_policy: random\n    hash_key: uid") == "7:15 " + kNeedless);
}

TEST_CASE("a hash_key that defaults give is there for those who need it", "[config]") {
    const std::string services =
        "services:\n"
        "- {name: a, address: '10.96.0.1:80', lb_policy: maglev, backends: ['10.0.0.1:80']}\n"
        "- {name: b, address: '10.96.0.2:80', backends: ['10.0.0.1:80']";
    const std::string defaults = "version: 1\ndefaults: {hash_key: workload}\n";
    const auto both = load(defaults + services + "}\n").model.services;
    CHECK(both[0].hash_key == lb::HashKey::workload);
    CHECK(faults_of(defaults + services + ", hash_key: uid}\n") == Lines{"5:75 " + kNeedless});
    CHECK(faults_of("version: 1\n" + services + "}\n") == Lines{"3:49 " + kNeedsKey});
}

TEST_CASE("slow_start with maglev is doubtful", "[config]") {
    const std::string maglev = plain_service + "    lb_policy: maglev\n    hash_key: uid\n    slow_start: ";
    CHECK(warnings_of(maglev + "0s\n").empty());
    CHECK(warnings_of(maglev + "5s\n") ==
          Lines{"8:17 slow_start: has no effect with maglev, where each step would move clients between "
                "backends; remove it or choose another lb_policy"});
}

}  // namespace
}  // namespace reseat::config
