// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/lb/discovery/support.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <string>
#include <vector>

/// Slices as an API server writes them.
namespace reseat::lb::test {

namespace json = boost::json;

inline json::object conditions(std::optional<bool> ready, std::optional<bool> serving = {},
                               std::optional<bool> terminating = {}) {
    json::object all;
    if (ready) all["ready"] = *ready;
    if (serving) all["serving"] = *serving;
    if (terminating) all["terminating"] = *terminating;
    return all;
}

inline json::object pod(std::string_view address, std::string_view name,
                        json::object what = conditions(true)) {
    return {{"addresses", json::array{address}},
            {"conditions", std::move(what)},
            {"nodeName", "node-1"},
            {"zone", "a"},
            {"targetRef", {{"kind", "Pod"}, {"name", name}, {"uid", fmt::format("uid-{}", name)}}}};
}

inline json::object port(std::string_view name, int number, std::string_view protocol = "TCP") {
    return {{"name", name}, {"port", number}, {"protocol", protocol}};
}

inline json::object slice_json(std::string_view name, std::string_view service, json::array endpoints,
                               json::array ports = {port("http", 8080)}, int version = 7) {
    return {{"kind", "EndpointSlice"},
            {"apiVersion", "discovery.k8s.io/v1"},
            {"metadata",
             {{"name", name},
              {"namespace", "shop"},
              {"resourceVersion", std::to_string(version)},
              {"creationTimestamp", "2026-11-22T15:00:00Z"},
              {"managedFields", json::array{json::object{{"manager", "x"}}}},
              {"labels", {{"kubernetes.io/service-name", service}}}}},
            {"addressType", "IPv4"},
            {"endpoints", std::move(endpoints)},
            {"ports", std::move(ports)}};
}

inline std::string list_json(json::array slices, int version = 7, std::string_view next = "") {
    json::object metadata{{"resourceVersion", std::to_string(version)}};
    if (!next.empty()) metadata["continue"] = next;
    return json::serialize(json::object{{"kind", "EndpointSliceList"},
                                        {"apiVersion", "discovery.k8s.io/v1"},
                                        {"metadata", std::move(metadata)},
                                        {"items", std::move(slices)}});
}

inline std::string event_json(std::string_view type, json::object object) {
    return json::serialize(json::object{{"type", type}, {"object", std::move(object)}});
}

}  // namespace reseat::lb::test
