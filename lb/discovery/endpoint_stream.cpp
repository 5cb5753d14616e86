// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/endpoint_stream.hpp"

#include <fmt/format.h>

#include <utility>

namespace reseat::lb {

namespace json = boost::json;

EndpointStream::Heard EndpointStream::fail(std::string fault) {
    fault_ = std::move(fault);
    return Heard::faulty;
}

EndpointStream::Heard EndpointStream::on_line(std::string_view line) {
    if (line.size() > kMaxDocument)
        return fail(fmt::format("a line of more than {} MiB", kMaxDocument >> 20));
    std::string fault;
    const auto value = parse_json(line, fault);
    if (!value) return fail("a line " + fault);
    const auto* object = value->if_object();
    if (!object) return fail("a line is no JSON object");
    const auto* type = object->if_contains("type");
    if (!type || !type->is_string()) return fail("a line has no 'type'");
    const std::string_view word(type->as_string());
    if (word == "snapshot") {
        std::map<Endpoint, SourcedEndpoint> nothing;
        return take(*object, "a snapshot", std::move(nothing));
    }
    if (!began_) return fail("the first line is not a snapshot");
    if (word == "upsert") return take(*object, "an upsert", endpoints_);
    if (word == "remove") return remove(*object);
    return Heard::beat;
}

/// `onto` with the endpoints of `line`.
EndpointStream::Heard EndpointStream::take(const json::object& line, std::string_view what,
                                           std::map<Endpoint, SourcedEndpoint> onto) {
    Document document = read_document(line, UnknownKeys::ignored);
    if (!document.faults.empty())
        return fail(fmt::format("{}: {} {}", what, document.faults[0].pointer, document.faults[0].message));
    for (SourcedEndpoint& one : document.endpoints) onto[one.endpoint] = std::move(one);
    if (onto.size() > 2 * kMaxSourcedEndpoints) return fail("there are too many endpoints");
    began_ = true;
    endpoints_ = std::move(onto);
    return Heard::changed;
}

EndpointStream::Heard EndpointStream::remove(const json::object& line) {
    const auto* list = line.if_contains("addresses");
    if (!list || !list->is_array()) return fail("a removal has no list of 'addresses'");
    std::vector<Endpoint> gone;
    for (const auto& one : list->as_array()) {
        const auto read =
            one.is_string() ? parse_endpoint(std::string_view(one.as_string())) : Result<Endpoint>(Error{});
        if (!read) return fail("a removal: an address is none");
        gone.push_back(*read);
    }
    for (const Endpoint& one : gone) endpoints_.erase(one);
    return Heard::changed;
}

std::vector<SourcedEndpoint> EndpointStream::endpoints() const {
    std::vector<SourcedEndpoint> all;
    for (const auto& [endpoint, one] : endpoints_) all.push_back(one);
    return all;
}

}  // namespace reseat::lb
