// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/kubernetes/slice.hpp"

#include "base/printable.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace reseat::lb::kubernetes {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxText = 253;

const json::object* object_in(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value ? value->if_object() : nullptr;
}

const json::array* array_in(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value ? value->if_array() : nullptr;
}

/// Without what could steer a terminal or fill memory; "": there is none.
std::string text_in(const json::object* object, std::string_view key, std::size_t most = kMaxText) {
    const auto* value = object ? object->if_contains(key) : nullptr;
    const auto* text = value ? value->if_string() : nullptr;
    return text ? printable(beginning(std::string_view(*text), most)) : std::string();
}

std::optional<bool> condition(const json::object* conditions, std::string_view key) {
    const auto* value = conditions ? conditions->if_contains(key) : nullptr;
    const auto* is = value ? value->if_bool() : nullptr;
    return is ? std::optional(*is) : std::nullopt;
}

void leave_out(Slice& slice, std::string why) {
    ++slice.left_out;
    if (slice.why_left_out.empty()) slice.why_left_out = std::move(why);
}

void read_endpoint(const json::value& value, Slice& slice) {
    const auto* object = value.if_object();
    if (!object) return leave_out(slice, "an endpoint is no object");
    const auto* addresses = array_in(*object, "addresses");
    const auto* text = addresses && !addresses->empty() ? addresses->front().if_string() : nullptr;
    if (!text) return leave_out(slice, "an endpoint has no address");
    const auto address = parse_address(std::string_view(*text));
    if (!address)
        return leave_out(
            slice, fmt::format("'{}' is no IP address", printable(beginning(std::string_view(*text), 60))));
    const auto* conditions = object_in(*object, "conditions");
    const auto* target = object_in(*object, "targetRef");
    const auto* topology = object_in(*object, "topology");  // of v1beta1
    SliceEndpoint one{
        .address = *address,
        .standing = standing_of(condition(conditions, "ready"), condition(conditions, "serving"),
                                condition(conditions, "terminating")),
        .pod = text_in(target, "name"),
        .uid = text_in(target, "uid"),
        .node = text_in(object, "nodeName"),
        .zone = text_in(object, "zone")};
    if (one.node.empty()) one.node = text_in(topology, "kubernetes.io/hostname");
    if (one.zone.empty()) one.zone = text_in(topology, "topology.kubernetes.io/zone");
    slice.endpoints.push_back(std::move(one));
}

void read_port(const json::value& value, Slice& slice) {
    const auto* object = value.if_object();
    if (!object) return leave_out(slice, "a port is no object");
    const std::string protocol = text_in(object, "protocol");
    const bool udp = protocol == "UDP";
    if (!udp && !protocol.empty() && protocol != "TCP")
        return leave_out(slice, "protocol " + protocol + " is not balanced");
    const auto* number = object->if_contains("port");
    const auto* value_of_it = number ? number->if_int64() : nullptr;
    if (!value_of_it || *value_of_it < 1 || *value_of_it > 65535)
        return leave_out(slice, "a port has no number");
    slice.ports.push_back({text_in(object, "name"), static_cast<std::uint16_t>(*value_of_it),
                           udp ? Protocol::udp : Protocol::tcp});
}

std::optional<Slice> read_slice(const json::object& object) {
    const auto* metadata = object_in(object, "metadata");
    Slice slice{.name = text_in(metadata, "name")};
    if (slice.name.empty()) return std::nullopt;
    slice.created = text_in(metadata, "creationTimestamp");
    slice.version = text_in(metadata, "resourceVersion");
    slice.service = text_in(object_in(*metadata, "labels"), "kubernetes.io/service-name");
    slice.changed_at =
        text_in(object_in(*metadata, "annotations"), "endpoints.kubernetes.io/last-change-trigger-time");
    if (text_in(&object, "addressType") == "FQDN") {
        leave_out(slice, "addressType FQDN: its endpoints are names");
        return slice;
    }
    if (const auto* endpoints = array_in(object, "endpoints"))
        for (const auto& one : *endpoints) read_endpoint(one, slice);
    if (const auto* ports = array_in(object, "ports"))
        for (const auto& one : *ports) read_port(one, slice);
    if (slice.ports.empty() && !slice.endpoints.empty()) leave_out(slice, "a slice has no port");
    return slice;
}

/// One JSON value, whose memory is freed with it, in one piece.
class Parsed {
public:
    explicit Parsed(std::string_view text) {
        json::parse_options options;
        options.max_depth = kMaxDepth;
        boost::system::error_code error;
        value_ = json::parse(text, error, &memory_, options);
        if (error) fault_ = "not JSON: " + error.message();
    }
    const json::object* object() const { return fault_.empty() ? value_.if_object() : nullptr; }
    Error fault() const { return {ErrorCode::failed, fault_.empty() ? "no JSON object" : fault_}; }

private:
    json::monotonic_resource memory_{16 * 1024};
    json::value value_;
    std::string fault_;
};

Status status_of(const json::object& object) {
    Status status{.reason = text_in(&object, "reason"), .message = text_in(&object, "message", 500)};
    if (const auto* code = object.if_contains("code"); code && code->if_int64() && *code->if_int64() > 0)
        status.code = static_cast<unsigned>(std::min<std::int64_t>(*code->if_int64(), 999));
    const auto* details = object_in(object, "details");
    const auto* after = details ? details->if_contains("retryAfterSeconds") : nullptr;
    if (after && after->if_int64() && *after->if_int64() > 0)
        status.retry_after = static_cast<unsigned>(std::min<std::int64_t>(*after->if_int64(), 3600));
    return status;
}

WatchEvent::Type type_of(std::string_view word) {
    using Type = WatchEvent::Type;
    if (word == "ADDED") return Type::added;
    if (word == "MODIFIED") return Type::modified;
    if (word == "DELETED") return Type::deleted;
    if (word == "BOOKMARK") return Type::bookmark;
    return word == "ERROR" ? Type::error : Type::unknown;
}

}  // namespace

Standing standing_of(std::optional<bool> ready, std::optional<bool> serving,
                     std::optional<bool> terminating) {
    if (ready.value_or(true)) return Standing::ready;
    return serving.value_or(false) && terminating.value_or(false) ? Standing::leaving : Standing::unready;
}

Result<WatchEvent> read_watch_event(std::string_view line) {
    if (line.size() > kMaxLine) return Error{ErrorCode::failed, "a line of more than 16 MiB"};
    const Parsed parsed(line);
    const auto* event = parsed.object();
    if (!event) return parsed.fault();
    const auto* object = object_in(*event, "object");
    WatchEvent read{.type = type_of(text_in(event, "type"))};
    if (read.type == WatchEvent::Type::unknown) return read;
    if (!object) return Error{ErrorCode::failed, "an event has no object"};
    read.version = text_in(object_in(*object, "metadata"), "resourceVersion");
    if (read.type == WatchEvent::Type::bookmark) return read;
    if (read.type == WatchEvent::Type::error) {
        const Status status = status_of(*object);
        read.code = status.code;
        read.reason = status.reason;
        read.message = status.message;
        return read;
    }
    if (text_in(object, "kind") != "EndpointSlice")
        return Error{ErrorCode::failed, "an object that is no EndpointSlice"};
    auto slice = read_slice(*object);
    if (!slice) return Error{ErrorCode::failed, "an EndpointSlice has no name"};
    read.slice = std::move(*slice);
    return read;
}

Result<SliceList> read_slice_list(std::string_view body) {
    if (body.size() > kMaxList) return Error{ErrorCode::failed, "a list of more than 64 MiB"};
    const Parsed parsed(body);
    const auto* list = parsed.object();
    if (!list) return parsed.fault();
    if (text_in(list, "kind") != "EndpointSliceList")
        return Error{ErrorCode::failed, "an answer that is no EndpointSliceList"};
    const auto* metadata = object_in(*list, "metadata");
    SliceList read{.version = text_in(metadata, "resourceVersion"),
                   .next = text_in(metadata, "continue", 4096)};
    if (const auto* items = array_in(*list, "items"))
        for (const auto& item : *items) {
            auto slice = item.is_object() ? read_slice(item.get_object()) : std::nullopt;
            if (!slice) return Error{ErrorCode::failed, "an EndpointSlice has no name"};
            read.slices.push_back(std::move(*slice));
        }
    return read;
}

Status read_status(std::string_view body) {
    const Parsed parsed(body);
    const auto* object = parsed.object();
    return object && text_in(object, "kind") == "Status" ? status_of(*object) : Status{};
}

}  // namespace reseat::lb::kubernetes
