// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/document.hpp"

#include "base/nearest_word.hpp"
#include "base/printable.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/parser.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace reseat::lb {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxFaults = 20;
constexpr std::size_t kMaxText = 253;  ///< of names, zones, nodes and ids
constexpr std::size_t kMaxDepth = 16;

std::string quoted(std::string_view text) {
    return fmt::format("'{}'", printable(beginning(text, 60)));
}

/// Reads one value after the other, and notes what is wrong.
class Reader {
public:
    Reader(Document& into, UnknownKeys unknown) : into_(into), unknown_(unknown) {}

    void document(const json::value& value) {
        if (const auto* list = value.if_array()) return file_sd(*list);
        const auto* object = value.if_object();
        if (!object) return fail("", "expected an object with 'endpoints', or a list of target groups");
        keys(*object, "", {"reseat", "endpoints", "type"});
        if (const auto* version = object->if_contains("reseat")) {
            if (version->if_int64() ? version->as_int64() != 1 : true)
                fail("/reseat", "is not a version of the format that is known; write 'reseat: 1'");
        } else if (unknown_ == UnknownKeys::refused) {
            fail("", "has no 'reseat'; add 'reseat: 1' at its top");
        }
        const auto* endpoints = object->if_contains("endpoints");
        if (!endpoints) return fail("", "has no 'endpoints'; write 'endpoints: []' if there is none");
        this->endpoints(*endpoints, "/endpoints");
    }

    void endpoints(const json::value& value, const std::string& at) {
        const auto* list = value.if_array();
        if (!list) return fail(at, "expected a list of endpoints; write '[]' if there is none");
        into_.endpoints.reserve(std::min<std::size_t>(list->size(), kMaxSourcedEndpoints));
        for (std::size_t i = 0; i < list->size() && into_.faults.size() < kMaxFaults; ++i)
            endpoint((*list)[i], fmt::format("{}/{}", at, i));
    }

    std::optional<Endpoint> address(const json::value& value, const std::string& at) {
        const auto* text = value.if_string();
        if (!text) {
            fail(at, "expected an address with a port, as in '10.0.3.7:8080'");
            return std::nullopt;
        }
        const auto read = parse_endpoint(std::string_view(*text));
        if (read) return *read;
        fail(at, fmt::format("{} is not an address with a port ({}); names are not resolved here",
                             quoted(std::string_view(*text)), read.error().message));
        return std::nullopt;
    }

    void fail(const std::string& at, std::string message) {
        if (into_.faults.size() < kMaxFaults) into_.faults.push_back({at, std::move(message)});
    }

private:
    void endpoint(const json::value& value, const std::string& at) {
        SourcedEndpoint one;
        if (value.is_string()) {
            if (const auto read = address(value, at)) {
                one.endpoint = *read;
                into_.endpoints.push_back(std::move(one));
            }
            return;
        }
        const auto* object = value.if_object();
        if (!object) return fail(at, "expected an endpoint, as in '{address: \"10.0.3.7:8080\"}'");
        keys(*object, at, {"address", "name", "id", "state", "weight", "priority", "zone", "node", "check"});
        const auto* where = object->if_contains("address");
        if (!where) return fail(at, "the endpoint has no 'address'");
        const auto read = address(*where, at + "/address");
        if (!read) return;
        one.endpoint = *read;
        text(*object, "name", at, one.name);
        text(*object, "id", at, one.incarnation);
        text(*object, "zone", at, one.zone);
        text(*object, "node", at, one.node);
        number(*object, "weight", at, 256, one.weight);
        number(*object, "priority", at, kMaxSourceLevel, one.level);
        if (const auto* state = object->if_contains("state")) standing(*state, at + "/state", one.standing);
        if (const auto* check = object->if_contains("check")) this->check(*check, at + "/check", one);
        into_.endpoints.push_back(std::move(one));
    }

    void standing(const json::value& value, const std::string& at, Standing& into) {
        const auto* text = value.if_string();
        for (const Standing one : enumerators<Standing>())
            if (text && std::string_view(*text) == word_of(one)) {
                into = one;
                return;
            }
        fail(at, "expected one of ready, leaving, unready");
    }

    void check(const json::value& value, const std::string& at, SourcedEndpoint& into) {
        const auto* object = value.if_object();
        if (!object) return fail(at, "expected an object with 'address' or 'port'");
        keys(*object, at, {"address", "port"});
        unsigned port = 0;
        number(*object, "port", at, 65535, port);
        into.check_port = static_cast<std::uint16_t>(port);
        const auto* address = object->if_contains("address");
        if (!address) return;
        const auto read = address->is_string() ? parse_address(std::string_view(address->as_string()))
                                               : Result<Address>(Error{});
        if (read)
            into.check_address = *read;
        else
            fail(at + "/address", "expected an IP address without a port");
    }

    void text(const json::object& object, std::string_view key, const std::string& at, std::string& into) {
        const auto* value = object.if_contains(key);
        if (!value) return;
        const auto* text = value->if_string();
        if (!text || text->size() > kMaxText || printable(std::string_view(*text)) != std::string_view(*text))
            return fail(
                fmt::format("{}/{}", at, key),
                fmt::format("expected text of at most {} bytes without control characters", kMaxText));
        into.assign(text->data(), text->size());
    }

    void number(const json::object& object, std::string_view key, const std::string& at, unsigned most,
                unsigned& into) {
        const auto* value = object.if_contains(key);
        if (!value) return;
        boost::system::error_code error;
        const auto number =
            value->is_number() && !value->is_double() ? value->to_number<std::int64_t>(error) : -1;
        if (error || number < 0 || number > static_cast<std::int64_t>(most))
            return fail(fmt::format("{}/{}", at, key),
                        fmt::format("expected a whole number from 0 to {}", most));
        into = static_cast<unsigned>(number);
    }

    template <std::size_t N>
    void keys(const json::object& object, const std::string& at, const std::string_view (&valid)[N]) {
        if (unknown_ == UnknownKeys::ignored) return;
        for (const auto& [key, value] : object) {
            const std::string_view name(key.data(), key.size());
            if (std::ranges::find(valid, name) != std::end(valid)) continue;
            fail(fmt::format("{}/{}", at, printable(name)),
                 fmt::format("unknown key {}{}", quoted(name),
                             did_you_mean_one_of(name, {std::begin(valid), std::end(valid)})));
        }
    }

    /// Prometheus: [{"targets": ["10.0.3.7:8080"], "labels": {"__reseat_weight__": "2"}}]
    void file_sd(const json::array& groups) {
        for (std::size_t i = 0; i < groups.size() && into_.faults.size() < kMaxFaults; ++i) {
            const std::string at = fmt::format("/{}", i);
            const auto* group = groups[i].if_object();
            const auto* targets = group ? group->if_contains("targets") : nullptr;
            if (!targets || !targets->is_array()) {
                fail(at, "expected a target group, as in '{targets: [\"10.0.3.7:8080\"]}'");
                continue;
            }
            const SourcedEndpoint like = labels(*group, at);
            for (std::size_t t = 0; t < targets->as_array().size(); ++t) {
                const auto read = address(targets->as_array()[t], fmt::format("{}/targets/{}", at, t));
                if (!read) continue;
                into_.endpoints.push_back(like);
                into_.endpoints.back().endpoint = *read;
            }
        }
    }

    SourcedEndpoint labels(const json::object& group, const std::string& at) {
        SourcedEndpoint like;
        const auto* labels = group.if_contains("labels");
        if (!labels || !labels->is_object()) return like;
        const auto& object = labels->as_object();
        text(object, "__reseat_zone__", at + "/labels", like.zone);
        if (const auto* state = object.if_contains("__reseat_state__"))
            standing(*state, at + "/labels/__reseat_state__", like.standing);
        if (const auto* weight = object.if_contains("__reseat_weight__")) {
            const auto* digits = weight->if_string();
            unsigned value = 257;
            if (digits) {
                const auto [end, fault] =
                    std::from_chars(digits->data(), digits->data() + digits->size(), value);
                if (fault != std::errc{} || end != digits->data() + digits->size()) value = 257;
            }
            if (value > 256)
                fail(at + "/labels/__reseat_weight__", "expected a whole number from 0 to 256, in quotes");
            else
                like.weight = value;
        }
        return like;
    }

    Document& into_;
    UnknownKeys unknown_;
};

}  // namespace

std::optional<json::value> parse_json(std::string_view text, std::string& fault) {
    json::parse_options options;
    options.max_depth = kMaxDepth;
    boost::system::error_code error;
    auto value = json::parse(text, error, {}, options);
    if (!error) return value;
    fault = "is not JSON: " + error.message();
    return std::nullopt;
}

Document read_document(const json::value& value, UnknownKeys unknown) {
    Document document;
    Reader(document, unknown).document(value);
    return document;
}

Document read_document_text(std::string_view text, UnknownKeys unknown) {
    std::string fault;
    if (text.size() > kMaxDocument)
        return {.faults = {{"", fmt::format("has more than {} MiB", kMaxDocument >> 20)}}};
    const auto value = parse_json(text, fault);
    if (!value) return {.faults = {{"", fault}}};
    return read_document(*value, unknown);
}

json::object endpoint_json(const SourcedEndpoint& endpoint) {
    json::object body{{"address", to_string(endpoint.endpoint)}};
    if (!endpoint.name.empty()) body["name"] = endpoint.name;
    if (!endpoint.incarnation.empty()) body["id"] = endpoint.incarnation;
    if (endpoint.standing != Standing::ready) body["state"] = word_of(endpoint.standing);
    if (endpoint.weight != 1) body["weight"] = endpoint.weight;
    if (endpoint.level != 0) body["priority"] = endpoint.level;
    if (!endpoint.zone.empty()) body["zone"] = endpoint.zone;
    if (!endpoint.node.empty()) body["node"] = endpoint.node;
    if (endpoint.check_address || endpoint.check_port) {
        json::object check;
        if (endpoint.check_address) check["address"] = to_string(*endpoint.check_address);
        if (endpoint.check_port) check["port"] = endpoint.check_port;
        body["check"] = std::move(check);
    }
    return body;
}

}  // namespace reseat::lb
