// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/remembered.hpp"

#include "base/text.hpp"
#include "lb/discovery/document.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace reseat::lb {
namespace {

namespace json = boost::json;

constexpr std::string_view kHead = R"({"reseat":1,"entries":[)";

std::string text_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::optional<Remembered> entry_of(const json::value& value) {
    const auto* object = value.if_object();
    if (!object) return std::nullopt;
    Remembered one{.service = text_of(*object, "service"),
                   .protocol = text_of(*object, "protocol") == "udp" ? Protocol::udp : Protocol::tcp,
                   .source = text_of(*object, "source"),
                   .position = text_of(*object, "position")};
    if (const auto at = parse_iso8601(text_of(*object, "confirmed_at"))) one.confirmed_at = *at;
    Document document = read_document(*object, UnknownKeys::ignored);
    if (!document.faults.empty() || one.service.empty() || one.source.empty()) return std::nullopt;
    one.endpoints = std::move(document.endpoints);
    return one;
}

}  // namespace

std::string write_remembered(const std::vector<Remembered>& all) {
    std::string text(kHead);
    for (const Remembered& one : all) {
        json::array endpoints;
        for (const SourcedEndpoint& endpoint : one.endpoints) endpoints.emplace_back(endpoint_json(endpoint));
        const json::object entry{{"service", one.service},
                                 {"protocol", to_string(one.protocol)},
                                 {"source", one.source},
                                 {"position", one.position},
                                 {"confirmed_at", iso8601(one.confirmed_at)},
                                 {"endpoints", std::move(endpoints)}};
        const std::string piece = json::serialize(entry);
        if (text.size() + piece.size() + 4 > kMaxRemembered) continue;
        if (text.size() > kHead.size()) text += ",\n";
        text += piece;
    }
    return text + "]}\n";
}

Result<std::vector<Remembered>> read_remembered(std::string_view text) {
    const Error fault{ErrorCode::failed, "it is damaged, or of another version"};
    boost::system::error_code error;
    const auto value = json::parse(text, error);
    const auto* object = error ? nullptr : value.if_object();
    const auto* version = object ? object->if_contains("reseat") : nullptr;
    const auto* entries = object ? object->if_contains("entries") : nullptr;
    if (!version || *version != 1 || !entries || !entries->is_array()) return fault;
    std::vector<Remembered> all;
    for (const auto& entry : entries->as_array()) {
        auto one = entry_of(entry);
        if (!one) return fault;
        all.push_back(std::move(*one));
    }
    return all;
}

}  // namespace reseat::lb
