// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/document.hpp"

#include "lb/discovery/endpoint_stream.hpp"
#include "lb/discovery/remembered.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/support.hpp"

#include <boost/json/array.hpp>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using Heard = EndpointStream::Heard;

namespace {

Document strict(std::string_view text) {
    return read_document_text(text, UnknownKeys::refused);
}

std::string first_fault(std::string_view text) {
    const Document document = strict(text);
    REQUIRE_FALSE(document.faults.empty());
    return document.faults[0].pointer + " " + document.faults[0].message;
}

}  // namespace

TEST_CASE("a document of endpoints, each with all that may be said of it", "[document]") {
    const Document read = strict(R"({"reseat": 1, "endpoints": [
        {"address": "10.0.3.7:8080", "name": "web-1", "id": "i-0abc", "state": "leaving", "weight": 2,
         "priority": 3, "zone": "a", "node": "n1", "check": {"address": "10.0.3.70", "port": 81}},
        "[fd00::9]:8080"]})");
    REQUIRE(read.faults.empty());
    REQUIRE(read.endpoints.size() == 2);
    const SourcedEndpoint& one = read.endpoints[0];
    CHECK(one.endpoint == at("10.0.3.7:8080"));
    CHECK(one.name == "web-1");
    CHECK(one.incarnation == "i-0abc");
    CHECK(one.standing == Standing::leaving);
    CHECK(one.weight == 2);
    CHECK(one.level == 3);
    CHECK(one.zone == "a");
    CHECK(one.node == "n1");
    CHECK(one.check_address == ip("10.0.3.70"));
    CHECK(one.check_port == 81);
    CHECK(read.endpoints[1] == SourcedEndpoint{.endpoint = at("[fd00::9]:8080")});
    CHECK(read_document(
              boost::json::object{{"reseat", 1}, {"endpoints", boost::json::array{endpoint_json(one)}}},
              UnknownKeys::refused)
              .endpoints.at(0) == one);
}

TEST_CASE("a list is read as Prometheus' file_sd", "[document]") {
    const Document read = strict(R"([
        {"targets": ["10.0.3.7:8080", "10.0.3.8:8080"], "labels": {"job": "x", "__reseat_weight__": "3"}},
        {"targets": ["10.0.3.9:8080"], "labels": {"__reseat_state__": "unready", "__reseat_zone__": "b"}}])");
    REQUIRE(read.faults.empty());
    REQUIRE(read.endpoints.size() == 3);
    CHECK(read.endpoints[1].weight == 3);
    CHECK(read.endpoints[2].standing == Standing::unready);
    CHECK(read.endpoints[2].zone == "b");
}

TEST_CASE("an empty list is a statement", "[document]") {
    CHECK(strict(R"({"reseat": 1, "endpoints": []})").faults.empty());
    CHECK(strict("[]").faults.empty());
}

TEST_CASE("each fault says where it is", "[document]") {
    CHECK(first_fault("") == " is not JSON: incomplete JSON");
    CHECK(first_fault("3") == " expected an object with 'endpoints', or a list of target groups");
    CHECK(first_fault(R"({"endpoints": []})") == " has no 'reseat'; add 'reseat: 1' at its top");
    CHECK(first_fault(R"({"reseat": 2, "endpoints": []})").starts_with("/reseat is not a version"));
    CHECK(first_fault(R"({"reseat": 1})").starts_with(" has no 'endpoints'"));
    CHECK(first_fault(R"({"reseat": 1, "endpoints": ["pg.internal:80"]})")
              .starts_with("/endpoints/0 'pg.internal:80' is not an address with a port"));
    CHECK(first_fault(R"({"reseat": 1, "endpoints": [{"address": "1.2.3.4:80", "wieght": 1}]})") ==
          "/endpoints/0/wieght unknown key 'wieght'; did you mean 'weight'?");
    CHECK(first_fault(R"({"reseat": 1, "endpoints": [{"address": "1.2.3.4:80", "weight": 257}]})") ==
          "/endpoints/0/weight expected a whole number from 0 to 256");
    CHECK(first_fault(R"({"reseat": 1, "endpoints": [{"address": "1.2.3.4:80", "state": "up"}]})") ==
          "/endpoints/0/state expected one of ready, leaving, unready");
    CHECK(first_fault(
              "{\"reseat\": 1, \"endpoints\": [{\"address\": \"1.2.3.4:80\", \"name\": \"a\\u001bb\"}]}")
              .starts_with("/endpoints/0/name expected text"));
    CHECK(first_fault(R"([{"targets": ["x"]}])").starts_with("/0/targets/0 'x' is not an address"));
}

TEST_CASE("faults are counted, not collected for ever", "[document]") {
    std::string text = R"({"reseat": 1, "endpoints": [)";
    for (int i = 0; i < 1000; ++i) text += "1,";
    CHECK(strict(text + "1]}").faults.size() == 20);
}

TEST_CASE("a stream ignores what it does not know", "[document]") {
    CHECK(
        read_document_text(R"({"reseat": 1, "new": 1, "endpoints": [{"address": "1.2.3.4:80", "hint": 1}]})",
                           UnknownKeys::ignored)
            .faults.empty());
}

TEST_CASE("a stream of snapshots, upserts, removals and beats", "[document]") {
    EndpointStream stream;
    CHECK(stream.on_line(R"({"type": "upsert", "endpoints": ["10.0.0.1:80"]})") == Heard::faulty);
    CHECK(stream.fault() == "the first line is not a snapshot");
    CHECK(stream.on_line(R"({"reseat": 1, "type": "snapshot", "endpoints": ["10.0.0.1:80"]})") ==
          Heard::changed);
    CHECK(stream.on_line(R"({"type": "upsert", "endpoints": ["10.0.0.2:80", "10.0.0.1:80"]})") ==
          Heard::changed);
    CHECK(stream.endpoints().size() == 2);
    CHECK(stream.on_line(R"({"type": "beat"})") == Heard::beat);
    CHECK(stream.on_line(R"({"type": "later version"})") == Heard::beat);
    CHECK(stream.on_line(R"({"type": "remove", "addresses": ["10.0.0.1:80"]})") == Heard::changed);
    REQUIRE(stream.endpoints().size() == 1);
    CHECK(stream.endpoints()[0].endpoint == at("10.0.0.2:80"));
    CHECK(stream.on_line("{\"type\": \"upsert\"") == Heard::faulty);
    CHECK(stream.on_line(R"({"type": "remove", "addresses": ["x"]})") == Heard::faulty);
    CHECK(stream.endpoints().size() == 1);
    CHECK(stream.on_line(R"({"type": "snapshot", "endpoints": []})") == Heard::changed);
    CHECK(stream.endpoints().empty());
}

TEST_CASE("what a process leaves, the next one reads", "[document]") {
    const std::vector<Remembered> all = {
        {"web", Protocol::tcp, "file /a", "", kClock, {{.endpoint = at("10.0.0.1:80"), .incarnation = "x"}}},
        {"dns", Protocol::udp, "kubernetes a/b", "17", kClock, {}}};
    const auto read = read_remembered(write_remembered(all));
    REQUIRE(read.has_value());
    CHECK((*read == all));
}

TEST_CASE("what a process left is read only whole and of this version [F18]", "[document]") {
    const std::string good = write_remembered({{"web", Protocol::tcp, "file /a", "", kClock, {}}});
    CHECK(read_remembered(good).has_value());
    CHECK_FALSE(read_remembered(good.substr(0, good.size() - 5)).has_value());
    CHECK_FALSE(read_remembered(R"({"reseat": 2, "entries": []})").has_value());
    CHECK_FALSE(read_remembered(R"({"reseat": 1, "entries": [{"service": "web"}]})").has_value());
    CHECK_FALSE(read_remembered("[]").has_value());
    CHECK_FALSE(read_remembered("").has_value());
}
