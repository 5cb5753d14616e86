// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "proxy/admin/described_json.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The body of `GET /status`, api_version 1, for the instance that writes it and the commands that read it;
/// docs/admin.md has the meaning of each field. What has not happened yet is nothing.
namespace reseat::proxy {

struct PastCheckView {
    std::int64_t at = 0;  ///< milliseconds since the epoch
    std::uint32_t latency_us = 0;
    std::string result;
};
BOOST_DESCRIBE_STRUCT(PastCheckView, (), (at, latency_us, result))

struct CheckView {
    std::string type;
    std::optional<std::string> result;
    std::string detail;
    std::chrono::microseconds latency_us{};
    std::optional<SystemTime> at;
    std::uint64_t passes = 0;
    std::uint64_t failures = 0;
    IfThere<std::vector<PastCheckView>> history;  ///< if it was asked for; the oldest first
};
BOOST_DESCRIBE_STRUCT(CheckView, (), (type, result, detail, latency_us, at, passes, failures, history))

struct BackendView {
    std::string name;
    std::string address;
    std::string state;
    std::string reason;
    std::optional<SystemTime> since;
    unsigned weight = 0;
    double effective_weight = 0;
    double share = 0;  ///< of the new connections of its address family, 0 to 1
    unsigned priority = 0;
    std::uint64_t open_sockets = 0;
    std::uint64_t waiting = 0;
    std::uint64_t stuck = 0;
    std::optional<SystemTime> sockets_end_at;  ///< when its open sockets are ended
    std::uint64_t connects_total = 0;
    std::uint64_t connect_failures_total = 0;
    std::uint64_t early_resets_total = 0;
    std::uint64_t unanswered_total = 0;
    std::optional<SystemTime> ejected_until;
    CheckView check;
    // Of those that a source names:
    IfThere<std::string> source;
    IfThere<std::string> standing;  ///< "ready", "leaving" or "unready"
    IfThere<std::string> incarnation;
    IfThere<std::string> node;
    IfThere<std::string> zone;
    IfThere<bool> held;

    /// It gets new connections.
    bool serves() const { return share > 0; }
};
BOOST_DESCRIBE_STRUCT(BackendView, (),
                      (name, address, state, reason, since, weight, effective_weight, share, priority,
                       open_sockets, waiting, stuck, sockets_end_at, connects_total, connect_failures_total,
                       early_resets_total, unanswered_total, ejected_until, check, source, standing,
                       incarnation, node, zone, held))

struct FailoverView {
    std::optional<SystemTime> at;
    std::string backend;
    std::string reason;
    std::uint64_t matched = 0;
    std::uint64_t terminated = 0;
    std::uint64_t repointed = 0;
    std::uint64_t failed = 0;
    std::chrono::microseconds duration_us{};
};
BOOST_DESCRIBE_STRUCT(FailoverView, (),
                      (at, backend, reason, matched, terminated, repointed, failed, duration_us))

/// An address that DNS does not name any more, and that serves for a while longer.
struct HeldView {
    std::string address;
    std::optional<SystemTime> absent_since;
    std::optional<SystemTime> held_until;
};
BOOST_DESCRIBE_STRUCT(HeldView, (), (address, absent_since, held_until))

/// An address that is not a server's but a service's.
struct ServiceAddressView {
    std::string address;
    std::string service;
};
BOOST_DESCRIBE_STRUCT(ServiceAddressView, (), (address, service))

/// A DNS name that brings backends.
struct DnsNameView {
    std::string name;
    std::string type;  ///< "srv" or "address"
    std::vector<std::string> addresses;
    std::vector<HeldView> held;
    std::vector<ServiceAddressView> service_addresses;
    std::optional<SystemTime> at;  ///< of the last good answer
    std::optional<std::string> error;
    std::optional<SystemTime> next;
};
BOOST_DESCRIBE_STRUCT(DnsNameView, (), (name, type, addresses, held, service_addresses, at, error, next))

/// What a source says of one service.
struct ReferenceView {
    std::string source;
    std::string kind;
    std::string known;  ///< "never", "absent" or "present"
    bool stale = false;
    bool from_before = false;  ///< it is what the previous process knew
    std::optional<SystemTime> confirmed_at;
    std::uint64_t ready = 0;
    std::uint64_t leaving = 0;
    std::uint64_t unready = 0;
    std::uint64_t held = 0;
    std::uint64_t left_out = 0;
    std::optional<std::string> why_left_out;
    std::uint64_t disagreements = 0;
    std::optional<std::string> error;
};
BOOST_DESCRIBE_STRUCT(ReferenceView, (),
                      (source, kind, known, stale, from_before, confirmed_at, ready, leaving, unready, held,
                       left_out, why_left_out, disagreements, error))

/// A source of backends, which may be of several services.
struct SourceView {
    std::string name;
    std::string kind;
    std::string state;  ///< "starting", "synced" or "stale"
    std::optional<SystemTime> since;
    std::optional<SystemTime> heard_at;
    std::optional<SystemTime> last_change_at;
    std::optional<std::string> error;
    std::optional<std::string> version;
    std::uint64_t refs = 0;
    std::uint64_t events_total = 0;
    std::uint64_t relists_total = 0;
};
BOOST_DESCRIBE_STRUCT(SourceView, (),
                      (name, kind, state, since, heard_at, last_change_at, error, version, refs, events_total,
                       relists_total))

struct ServiceView {
    std::string name;
    std::string protocol;
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
    std::vector<DnsNameView> discovery;
    std::vector<ReferenceView> sources;
    std::vector<BackendView> backends;
    bool is_half = false;  ///< there is a service of this name for the other protocol, too; not in the body

    /// "dns", "dns (udp)"; of a backend "dns/local (udp)".
    std::string title() const;
    std::string title(const BackendView& backend) const;

    /// Its addresses are not balanced any more, only its last sockets are looked after.
    bool has_left() const { return addresses.empty(); }
};
BOOST_DESCRIBE_STRUCT(ServiceView, (),
                      (name, protocol, addresses, lb_policy, eligible, total, panic, open_sockets, waiting,
                       stuck, untracked, last_failover, discovery, sources, backends))

struct PolicyView {
    std::string name;
    std::string action;
    std::uint64_t denied_total = 0;
    std::uint64_t terminated_total = 0;
};
BOOST_DESCRIBE_STRUCT(PolicyView, (), (name, action, denied_total, terminated_total))

struct WorkloadView {
    std::string cgroup;
    bool pinned = false;
};
BOOST_DESCRIBE_STRUCT(WorkloadView, (), (cgroup, pinned))

struct ReloadView {
    bool ok = true;
    std::optional<SystemTime> at;
    std::optional<std::string> error;
};
BOOST_DESCRIBE_STRUCT(ReloadView, (), (ok, at, error))

struct ConfigView {
    std::string path;
    std::string sha256;
    std::optional<SystemTime> loaded_at;
    ReloadView last_reload;
};
BOOST_DESCRIBE_STRUCT(ConfigView, (), (path, sha256, loaded_at, last_reload))

struct KernelView {
    std::string release;
    std::vector<std::string> terminate;  ///< engines, the best first
    bool repoint = false;
};
BOOST_DESCRIBE_STRUCT(KernelView, (), (release, terminate, repoint))

struct StatusView {
    unsigned api_version = 1;
    std::string version;
    std::string instance;
    bool ready = false;
    std::optional<SystemTime> started_at;
    WorkloadView workload;
    ConfigView config;
    KernelView kernel;
    std::vector<SourceView> sources;
    std::vector<ServiceView> services;
    std::vector<PolicyView> policies;
};
BOOST_DESCRIBE_STRUCT(StatusView, (),
                      (api_version, version, instance, ready, started_at, workload, config, kernel, sources,
                       services, policies))

/// All text in it is safe on a terminal. Throws for a body of another shape; keys may be missing.
StatusView read_status(const boost::json::object& status);

/// Sets `share` of each by the others: each family of addresses has a table of its own.
void share_out(std::vector<BackendView>& backends);

/// "this very service", or "the service NAME": whose address DNS has given for a server.
std::string owner(const ServiceAddressView& address, const ServiceView& service);

/// Those of this name: two where its protocol is `any`; all for an empty one. `failed`: there is none, and
/// which may be meant.
Result<std::vector<ServiceView>> services_called(const StatusView& status, const std::string& name);

/// "10.0.1.11:5432" is of family 4, "[fd00::1]:5432" of family 6.
bool is_v6(const BackendView& backend);

}  // namespace reseat::proxy
