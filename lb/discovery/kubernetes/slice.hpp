// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// EndpointSlices of discovery.k8s.io, v1 and v1beta1, and the lines of a watch. Nothing here throws for what
/// a server sends.
namespace reseat::lb::kubernetes {

/// Limits of what a server may send: one line of a watch, and a list.
inline constexpr std::size_t kMaxLine = 16 * 1024 * 1024;
inline constexpr std::size_t kMaxList = 64 * 1024 * 1024;

struct SliceEndpoint {
    Address address;
    Standing standing = Standing::ready;
    std::string pod;  ///< name of what it is, a pod most often; empty: not known
    std::string uid;  ///< of the same
    std::string node, zone;

    bool operator==(const SliceEndpoint&) const = default;
};

struct SlicePort {
    std::string name;
    std::uint16_t number = 0;
    Protocol protocol = Protocol::tcp;

    bool operator==(const SlicePort&) const = default;
};

/// One EndpointSlice: a part of the endpoints of a Service.
struct Slice {
    std::string name;
    std::string service;     ///< as its label says; empty: it is no Service's
    std::string created;     ///< creationTimestamp: text that sorts by time
    std::string version;     ///< resourceVersion
    std::string changed_at;  ///< endpoints.kubernetes.io/last-change-trigger-time; empty: not known
    std::vector<SliceEndpoint> endpoints;
    std::vector<SlicePort> ports;
    std::size_t left_out = 0;  ///< endpoints and ports that cannot be used
    std::string why_left_out;  ///< the first reason

    bool operator==(const Slice&) const = default;
};

/// What is said of an endpoint by its conditions; nothing: not said. Absent conditions count as Kubernetes
/// says: ready, serving as ready, not terminating.
Standing standing_of(std::optional<bool> ready, std::optional<bool> serving, std::optional<bool> terminating);

/// One line of a watch.
struct WatchEvent {
    enum class Type { added, modified, deleted, bookmark, error, unknown };
    Type type = Type::unknown;
    std::string version;  ///< of the object
    Slice slice;          ///< added, modified, deleted: of the latter only the name counts
    // Of an error:
    unsigned code = 0;
    std::string reason, message;
};
Result<WatchEvent> read_watch_event(std::string_view line);

struct SliceList {
    std::string version;
    std::string next;  ///< the token of the next page; empty: it was the last one
    std::vector<Slice> slices;
};
Result<SliceList> read_slice_list(std::string_view body);

/// The Status object that a server answers with where it cannot do what it was asked.
struct Status {
    unsigned code = 0;
    std::string reason, message;
    unsigned retry_after = 0;  ///< seconds; 0: not said
};
Status read_status(std::string_view body);

}  // namespace reseat::lb::kubernetes
