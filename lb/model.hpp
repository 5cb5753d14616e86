// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "base/enum_words.hpp"
#include "base/time.hpp"
#include "lb/policy.hpp"
#include "lb/tls_context.hpp"

#include <boost/describe/class.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The configuration as the rest of reseat sees it: plain values, defaults applied, references resolved.
/// Meaning, unit and default of each field: docs/configuration.md. A service written with
/// `protocol: any` is two services here, one per protocol, of the same name.
namespace reseat::lb {

BOOST_DEFINE_ENUM_CLASS(LbPolicy, round_robin, random, least_conn, maglev)
BOOST_DEFINE_ENUM_CLASS(HashKey, workload, uid, process)
BOOST_DEFINE_ENUM_CLASS(OnNoHealthy, fail_open, reject)
/// What becomes of open sockets; for connected UDP, `Connections::udp` says what terminate and drain mean.
BOOST_DEFINE_ENUM_CLASS(SocketFate, keep, drain, terminate)
BOOST_DEFINE_ENUM_CLASS(UdpFate, repoint, terminate, keep)
BOOST_DEFINE_ENUM_CLASS(OnRecover, keep, terminate_lower_priority)
BOOST_DEFINE_ENUM_CLASS(OperatorState, ready, drain, maint)
/// What the source of a backend says of it, besides reseat's own checks. What the configuration or DNS names
/// is always ready.
BOOST_DEFINE_ENUM_CLASS(
    Standing, ready,
    leaving,  ///< it shuts down: it still answers, but serves only while no ready backend is eligible
    unready)  ///< it never gets new connections, not even in panic or by fail_open
/// Sockets of the workload that are older than reseat and connected to a service address or a backend.
BOOST_DEFINE_ENUM_CLASS(Untracked, keep, terminate)

BOOST_DEFINE_ENUM_CLASS(CheckType, tcp, http, grpc, udp, exec, none)
BOOST_DEFINE_ENUM_CLASS(Watch, auto_, off)

struct TcpCheck {
    std::string send;
    std::string expect;
    bool tls = false;  ///< as HealthCheck::tls has it; of http and grpc likewise
    bool operator==(const TcpCheck&) const = default;
};

struct HttpCheck {
    std::string path = "/";
    std::string method = "GET";
    std::string host;  ///< empty: the backend's name or address
    std::map<std::string, std::string> headers;
    std::vector<std::pair<unsigned, unsigned>> expected_statuses = {{200, 399}};  ///< inclusive ranges
    std::string expect_body;                                                      ///< substring; empty: any
    bool tls = false;
    bool operator==(const HttpCheck&) const = default;
};

/// The standard protocol: grpc.health.v1.Health/Check.
struct GrpcCheck {
    std::string service;  ///< empty: the server as a whole
    bool tls = false;
    bool operator==(const GrpcCheck&) const = default;
};

struct ExecCheck {
    std::vector<std::string> command;  ///< run without a shell
    bool operator==(const ExecCheck&) const = default;
};

struct UdpCheck {
    std::string send;
    std::string expect;  ///< empty: passes unless ICMP says unreachable
    bool operator==(const UdpCheck&) const = default;
};

struct HealthCheck {
    CheckType type = CheckType::tcp;
    Duration interval = std::chrono::seconds(5);
    Duration fast_interval = std::chrono::seconds(1);
    Duration unhealthy_interval = std::chrono::seconds(5);
    Duration timeout = std::chrono::seconds(1);
    unsigned unhealthy_threshold = 3;
    unsigned healthy_threshold = 2;
    unsigned jitter_percent = 10;
    std::uint16_t port = 0;  ///< 0: the backend's
    Watch watch = Watch::auto_;
    TcpCheck tcp;
    HttpCheck http;
    GrpcCheck grpc;
    UdpCheck udp;
    ExecCheck exec;
    TlsCheck tls;  ///< of the check that runs, if it speaks TLS
    bool operator==(const HealthCheck&) const = default;
};

/// What ejects a backend to which the workload's own connects fail; names and meaning are Envoy's.
struct OutlierDetection {
    bool enabled = true;
    unsigned consecutive_connect_failures = 5;
    Duration interval = std::chrono::seconds(10);
    Duration base_ejection_time = std::chrono::seconds(30);
    Duration max_ejection_time = std::chrono::seconds(300);
    unsigned max_ejection_percent = 10;
    bool operator==(const OutlierDetection&) const = default;
};

struct Connections {
    SocketFate on_unreachable = SocketFate::terminate;
    SocketFate on_refused = SocketFate::drain;
    SocketFate on_check_failed = SocketFate::drain;
    SocketFate on_unresponsive = SocketFate::drain;
    SocketFate on_ejected = SocketFate::keep;
    SocketFate on_remove = SocketFate::drain;
    SocketFate on_drain = SocketFate::drain;
    SocketFate on_leaving = SocketFate::drain;
    SocketFate on_unready = SocketFate::drain;
    SocketFate on_restarted = SocketFate::terminate;  ///< never drain
    OnRecover on_recover = OnRecover::keep;
    UdpFate udp = UdpFate::repoint;
    Duration grace = Duration::zero();
    Duration drain_timeout = std::chrono::seconds(300);
    Duration drain_quiet = Duration::zero();  ///< 0: off
    std::optional<Duration> close_spread;     ///< nothing: 100 sockets at once, more over 1 s
    bool only_if_alternative = true;
    Untracked untracked = Untracked::keep;
    bool operator==(const Connections&) const = default;
};

/// What the check of one backend has of its own. What is not given is as for the whole service.
struct BackendCheck {
    std::optional<Address> address;  ///< where it is checked; nothing: at its endpoint
    std::uint16_t port = 0;          ///< 0: the health check's, else the endpoint's
    std::string server_name;         ///< as in TlsCheck
    std::string host;                ///< as in HttpCheck; of gRPC: the authority
    bool operator==(const BackendCheck&) const = default;
};

struct Backend {
    std::string name;  ///< unique in its service; the address where none was given
    Endpoint endpoint;
    unsigned weight = 1;  ///< 0: no new connections
    unsigned priority = 0;
    OperatorState state = OperatorState::ready;
    BackendCheck check;
    std::string dns_name;  ///< that has this address, without a dot at its end; empty: the address was given
    Standing standing = Standing::ready;
    std::string incarnation;  ///< who has the address (the UID of a pod); empty: the source cannot tell
    std::string node, zone;   ///< where it runs; empty: not known
    std::string source;       ///< of backends, as to_string(SourceRef) has it; empty: configuration or DNS
    bool held = false;        ///< its source lost it, unannounced, among many: the guard keeps it
    bool operator==(const Backend&) const = default;
};

/// What a DNS name is asked for: its A and AAAA records, or its SRV records.
BOOST_DEFINE_ENUM_CLASS(RecordType, address, srv)

/// Backends by DNS name: each address that it has is one. lb/discovery makes Backends of them.
struct NamedBackends {
    std::string name;  ///< as given, or the DNS name; its backends are called NAME@ADDRESS
    std::string dns_name;
    RecordType type = RecordType::address;
    std::uint16_t port = 0;  ///< of addresses: SRV records bring port and weight
    unsigned weight = 1;
    unsigned priority = 0;
    OperatorState state = OperatorState::ready;
    BackendCheck check;
    bool operator==(const NamedBackends&) const = default;
};

BOOST_DEFINE_ENUM_CLASS(SourceKind, file, command, stream, kubernetes)

/// A list of backends that somebody else keeps. Entries with the same reference share what is heard of it.
struct SourceRef {
    SourceKind kind = SourceKind::file;
    std::string path;                  ///< of the file
    std::vector<std::string> command;  ///< run without a shell
    Duration interval{};     ///< command: 0: it runs for ever. stream: how often a document is asked for
    std::string url;         ///< of the stream
    std::string token_file;  ///< stream: a bearer token; empty: none
    std::string ca_file;     ///< stream: who signs its certificate; empty: as this machine trusts
    std::string cert_file, key_file;    ///< stream: what it is shown; empty: nothing
    std::string name_space, service;    ///< kubernetes: `name_space` empty: the one of this pod
    std::string port;                   ///< kubernetes: name or number; empty: the only one
    Protocol protocol = Protocol::tcp;  ///< kubernetes: of the port
    auto operator<=>(const SourceRef&) const = default;
};
/// For people: "file /etc/reseat/web.yaml", "kubernetes db/postgres".
std::string to_string(const SourceRef& ref);

/// Backends that a source names. lb/discovery makes Backends of them.
struct SourcedBackends {
    std::string name;  ///< as given, or the service's; its backends are called NAME@WHAT
    SourceRef ref;
    std::optional<unsigned> weight;  ///< nothing: as the source says
    unsigned priority = 0;
    OperatorState state = OperatorState::ready;
    BackendCheck check;
    bool operator==(const SourcedBackends&) const = default;
};

/// What a service does until any of its sources was heard.
BOOST_DEFINE_ENUM_CLASS(UntilKnown, refuse,
                        pass)  ///< its addresses are left alone: connects go where they are dialled

/// When the removal of endpoints is doubted: see lb/discovery/guard.hpp.
struct GuardSettings {
    unsigned percent = 50;  ///< 100: never
    Duration hold = std::chrono::minutes(10);
    bool operator==(const GuardSettings&) const = default;
};

/// How the API server of a Kubernetes cluster is reached. What is empty comes from the pod.
struct KubernetesAccess {
    std::vector<std::string> servers;  ///< https://HOST:PORT
    std::string token_file, ca_file, cert_file, key_file;
    bool operator==(const KubernetesAccess&) const = default;
};

struct SourceSettings {
    Duration start_wait = std::chrono::seconds(2);  ///< for sources that are not known from before
    KubernetesAccess kubernetes;
    bool operator==(const SourceSettings&) const = default;
};

/// Which addresses of a name are asked for.
BOOST_DEFINE_ENUM_CLASS(NameFamily, any, ipv4, ipv6)

struct NameSettings {
    NameFamily family = NameFamily::any;
    Duration hold = std::chrono::seconds(30);  ///< an address that passes its checks outlives its absence so
    bool operator==(const NameSettings&) const = default;
};

struct Service {
    std::string name;
    Protocol protocol = Protocol::tcp;
    bool is_half = false;  ///< of a service with `protocol: any`: the other half has the same name
    std::vector<Endpoint> addresses;
    LbPolicy lb_policy = LbPolicy::round_robin;
    HashKey hash_key = HashKey::uid;  ///< what maglev chooses by
    unsigned panic_threshold = 0;     ///< percent eligible below which health is ignored; 0: off
    OnNoHealthy on_no_healthy = OnNoHealthy::fail_open;
    Duration slow_start = Duration::zero();  ///< 0: off
    HealthCheck health_check;
    OutlierDetection outlier_detection;
    Connections connections;
    NameSettings names;
    std::vector<Backend> backends;
    std::vector<NamedBackends> named_backends;      ///< empty once they are expanded
    std::vector<SourcedBackends> sourced_backends;  ///< likewise
    UntilKnown until_known = UntilKnown::refuse;
    GuardSettings guard;
    bool operator==(const Service&) const = default;
};
/// Settings whose change a reload reports by their names.
BOOST_DESCRIBE_STRUCT(Service, (),
                      (lb_policy, hash_key, panic_threshold, slow_start, on_no_healthy, health_check,
                       outlier_detection, connections, names, until_known, guard))

/// "dns"; of a service for both protocols "dns (udp)": the name shown to people.
std::string title(const Service& service);
/// "dns/local", "dns/local (udp)".
std::string title(const Service& service, std::string_view backend);
/// The same of names alone.
std::string title(std::string_view name, Protocol protocol, bool is_half);

/// Where `backend` is checked.
Endpoint checked_endpoint(const HealthCheck& check, const Backend& backend);

BOOST_DEFINE_ENUM_CLASS(LogLevel, trace, debug, info, warn, error)
BOOST_DEFINE_ENUM_CLASS(LogFormat, text, json)

BOOST_DEFINE_ENUM_CLASS(OnExit, auto_, detach, keep)
BOOST_DEFINE_ENUM_CLASS(Mptcp, allow, refuse)

struct Model {
    std::optional<std::string> cgroup;
    Duration exit_when_idle = Duration::zero();  ///< 0: never
    std::string pin = "auto";                    ///< auto, off, or a directory
    OnExit on_exit = OnExit::auto_;
    Mptcp mptcp = Mptcp::allow;
    std::string admin_socket;               ///< empty: /run/reseat/INSTANCE/admin.sock
    std::optional<Endpoint> admin_address;  ///< of the listener over TCP; nothing: none
    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::text;
    std::vector<Service> services;
    SourceSettings sources;
    std::vector<AccessPolicy> policies;  ///< the first that matches decides
};

}  // namespace reseat::lb
