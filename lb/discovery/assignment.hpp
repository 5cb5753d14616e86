// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

/// What every source of backends is reduced to, whatever its protocol.
namespace reseat::lb {

/// Of one reference; what is beyond is left out, always the same ones.
inline constexpr std::size_t kMaxSourcedEndpoints = 10'000;
inline constexpr unsigned kMaxSourceLevel = 127;

/// One endpoint, as its source describes it.
struct SourcedEndpoint {
    Endpoint endpoint;
    std::string name;         ///< for people: the pod, the instance; empty: the address
    std::string incarnation;  ///< who it is (the UID of a pod); empty: the source cannot tell
    Standing standing = Standing::ready;
    unsigned weight = 1;  ///< 0-256
    unsigned level = 0;   ///< the source's own order, 0 first
    std::string zone, node;
    std::optional<Address> check_address;
    std::uint16_t check_port = 0;  ///< 0: as the service has it

    bool operator==(const SourcedEndpoint&) const = default;
};

/// What a source has said of one reference.
BOOST_DEFINE_ENUM_CLASS(SourceKnows,
                        never,    ///< asked and not answered yet
                        absent,   ///< the source says that there is no such thing
                        present)  ///< this is it

/// All that a source says of one reference: a value. What did not change is not applied, reported or stored.
struct Assignment {
    using Known = SourceKnows;
    Known known = Known::never;
    std::vector<SourcedEndpoint> endpoints;                ///< from settle(): sorted by endpoint, each once
    std::string error;                                     ///< why it is not whole or not new; empty: it is
    std::chrono::system_clock::time_point confirmed_at{};  ///< when the source last said so
    bool stale = false;                                    ///< the source cannot be heard now
    std::size_t left_out = 0;                              ///< endpoints that cannot be used
    std::string why_left_out;                              ///< the first reason
    std::string position;                                  ///< in the source's history, for the next process

    /// The same to whom it serves: `confirmed_at` and `position` do not count.
    bool serves_alike(const Assignment& other) const;
};

/// Sorted, each endpoint once, at most kMaxSourcedEndpoints. Of two with the same endpoint the better
/// standing wins, then the one with an incarnation, then the later one.
void settle(Assignment& assignment);

/// Why traffic must not be sent to `address`, whoever names it: "is a link-local address"; empty: it may be.
/// Loopback is refused unless `loopback` allows it: its author is the author of the configuration.
std::string why_unusable(const Address& address, bool loopback);

}  // namespace reseat::lb
