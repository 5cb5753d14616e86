// SPDX-License-Identifier: Apache-2.0
#include "config/endpoint_file.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;
using namespace reseat::config;

namespace {

std::string first_fault(std::string_view text) {
    const EndpointFile read = read_endpoint_file(text, "web.yaml");
    REQUIRE_FALSE(read.faults.empty());
    return to_string(read.faults[0]);
}

}  // namespace

TEST_CASE("a file of endpoints is YAML or JSON", "[endpoint_file]") {
    const auto yaml = read_endpoint_file(
        "reseat: 1\nendpoints:\n"
        "  - {address: \"10.0.3.7:8080\", name: web-1, id: 17, weight: 2}\n"
        "  - 10.0.3.8:8080\n",
        "web.yaml");
    CHECK(yaml.faults.size() == 1);  // the id is not text
    const auto json = read_endpoint_file(
        R"({"reseat": 1, "endpoints": [{"address": "10.0.3.7:8080", "id": "17"}]})", "web.yaml");
    REQUIRE(json.faults.empty());
    CHECK(json.endpoints.at(0).incarnation == "17");
    CHECK(read_endpoint_file("- targets: ['10.0.3.7:8080']\n", "web.yaml").endpoints.size() == 1);
}

TEST_CASE("faults of a file of endpoints have a position", "[endpoint_file]") {
    CHECK(first_fault("reseat: 1\nendpoints:\n  - {address: \"10.0.3.7:8080\", weight: many}\n") ==
          "web.yaml:3:40: error: weight: expected a whole number from 0 to 256");
    CHECK(first_fault("reseat: 1\nendpoints:\n  - 10.0.3.7\n")
              .starts_with("web.yaml:3:5: error: '10.0.3.7' is"));
    CHECK(first_fault("reseat: 1\nendpoints: []\nendpoint: x\n")
              .starts_with("web.yaml:3:11: error: endpoint: "));
    CHECK(first_fault("reseat: [\n").starts_with("web.yaml:"));
}

TEST_CASE("an empty file is a fault, an empty list is not [F33]", "[endpoint_file]") {
    CHECK_FALSE(first_fault("").empty());
    CHECK_FALSE(first_fault("# nothing yet\n").empty());
    CHECK(read_endpoint_file("reseat: 1\nendpoints: []\n", "web.yaml").faults.empty());
}
