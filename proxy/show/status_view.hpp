// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The body of `GET /status` as plain values, for the commands that show it. All text is safe on a terminal.
namespace reseat::proxy {

using SystemTime = std::chrono::system_clock::time_point;

struct CheckView {
    std::string type;
    std::string result;  ///< empty: not checked yet
    std::string detail;
    Duration latency{};
    std::optional<SystemTime> at;
    std::uint64_t passes = 0;
    std::uint64_t failures = 0;
};

struct BackendView {
    std::string name;
    std::string address;
    std::string state;
    std::string reason;
    std::optional<SystemTime> since;
    unsigned weight = 0;
    double effective_weight = 0;
    unsigned priority = 0;
    double share = 0;  ///< of the new connections of its address family, 0 to 1
    std::uint64_t open_sockets = 0;
    std::uint64_t waiting = 0;
    std::uint64_t stuck = 0;
    std::uint64_t connects_total = 0;
    std::uint64_t connect_failures_total = 0;
    std::optional<SystemTime> ejected_until;
    std::optional<SystemTime> sockets_end_at;  ///< when its open sockets are ended
    CheckView check;

    /// It gets new connections.
    bool serves() const { return share > 0; }
};

struct FailoverView {
    std::optional<SystemTime> at;
    std::string backend;
    std::string reason;
    std::uint64_t matched = 0;
    std::uint64_t terminated = 0;
    std::uint64_t repointed = 0;
    std::uint64_t failed = 0;
    Duration duration{};
};

/// An address that DNS does not name any more, and that serves for a while longer.
struct HeldView {
    std::string address;
    std::optional<SystemTime> absent_since;
    std::optional<SystemTime> held_until;
};

/// An address that is not a server's but a service's.
struct ServiceAddressView {
    std::string address;
    std::string owner;  ///< "this very service", or "the service NAME"
};

/// A DNS name that brings backends.
struct DnsNameView {
    std::string name;
    std::string type;   ///< "srv" or "address"
    std::string error;  ///< empty: it was answered
    bool has_addresses = false;
    std::vector<HeldView> held;
    std::vector<ServiceAddressView> service_addresses;
};

struct ServiceView {
    std::string name;
    std::string protocol;
    bool is_half = false;  ///< there is a service of this name for the other protocol, too
    std::vector<std::string> addresses;
    std::string lb_policy;
    std::uint64_t eligible = 0;
    std::uint64_t total = 0;
    bool panic = false;
    std::uint64_t open_sockets = 0;
    std::uint64_t waiting = 0;
    std::uint64_t stuck = 0;
    std::uint64_t untracked = 0;
    std::optional<FailoverView> last_failover;
    std::vector<DnsNameView> names;
    std::vector<BackendView> backends;

    /// "dns", "dns (udp)"; of a backend "dns/local (udp)".
    std::string title() const;
    std::string title(const BackendView& backend) const;

    /// Its addresses are not balanced any more, only its last sockets are looked after.
    bool has_left() const { return addresses.empty(); }
};

struct PolicyView {
    std::string name;
    std::string action;
    std::uint64_t denied_total = 0;
    std::uint64_t terminated_total = 0;
};

struct StatusView {
    std::string instance;
    bool ready = false;
    std::optional<SystemTime> started_at;
    std::string cgroup;
    bool pinned = false;
    std::string reload_error;  ///< empty: the last reload succeeded
    std::optional<SystemTime> reload_at;
    std::vector<ServiceView> services;
    std::vector<PolicyView> policies;
};

/// Throws for a body of another shape.
StatusView read_status(const boost::json::object& status);

/// Those of this name: two where its protocol is `any`; all for an empty one. `failed`: there is none, and
/// which may be meant.
Result<std::vector<ServiceView>> services_called(const StatusView& status, const std::string& name);

/// "10.0.1.11:5432" is of family 4, "[fd00::1]:5432" of family 6.
bool is_v6(const BackendView& backend);

}  // namespace reseat::proxy
