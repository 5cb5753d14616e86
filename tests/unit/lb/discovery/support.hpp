// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/names.hpp"

#include <chrono>
#include <string>
#include <vector>

/// Answers of DNS, and configurations with names, in few words.
namespace reseat::lb::test {

using namespace std::chrono_literals;
using Addresses = std::vector<Address>;
using Texts = std::vector<std::string>;

inline const TimePoint kNow = TimePoint{} + 1h;
inline const std::chrono::system_clock::time_point kClock{std::chrono::seconds(1'800'000'000)};

inline Address ip(std::string_view text) {
    return parse_address(text).value();
}

inline Endpoint at(std::string_view text) {
    return parse_endpoint(text).value();
}

inline Found records(Duration ttl, const std::vector<std::string>& addresses) {
    Found found{.outcome = Found::Outcome::records, .ttl = ttl};
    for (const auto& address : addresses) found.addresses.push_back(ip(address));
    return found;
}

inline Found srv_records(Duration ttl, std::vector<SrvRecord> records) {
    return {.outcome = Found::Outcome::records, .srv = std::move(records), .ttl = ttl};
}

inline Found none(std::string reason = "no such name (NXDOMAIN)") {
    return {.outcome = Found::Outcome::none, .reason = std::move(reason)};
}

inline Found no_such_name() {
    return {.outcome = Found::Outcome::none, .no_such_name = true, .reason = "no such name (NXDOMAIN)"};
}

inline Found failed(std::string reason = "SERVFAIL") {
    return {.outcome = Found::Outcome::failed, .reason = std::move(reason)};
}

/// One for each question: A and AAAA, or SRV alone.
using Answer = std::vector<Found>;

inline Answer v4_only(Duration ttl, const std::vector<std::string>& addresses) {
    return {records(ttl, addresses), none("it has no AAAA record")};
}

inline NamedBackends named(std::string name, std::uint16_t port = 5432) {
    return {.name = name, .dns_name = name, .port = port};
}

inline NamedBackends named_srv(std::string name) {
    return {.name = name, .dns_name = name, .type = RecordType::srv};
}

inline Service with_names(std::string name, std::vector<NamedBackends> names) {
    Service service;
    service.name = std::move(name);
    service.addresses = {at("10.96.0.10:5432")};
    service.named_backends = std::move(names);
    return service;
}

}  // namespace reseat::lb::test
