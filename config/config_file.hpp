// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostic.hpp"
#include "lb/model.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The configuration as it is written: what is absent here was not in the file. `defaults` is
/// already inherited by each service, so only compile.cpp knows default values.
///
/// To add an option you must
///  1. add a field here, and to lb/model.hpp what the rest of reseat needs of it;
///  2. read it in read_*.cpp, with its range, by one line next to its neighbours;
///  3. bring it into the model in compile.cpp, which has its default;
///  4. give it a row in docs/configuration.md and show it in config/example.yaml, as document_test asks for;
///  5. test a good value, a wrong type and both ends of its range, each with its position.
namespace reseat::config {

template <class T>
using Written = std::optional<Located<T>>;

enum class ServiceProtocol { tcp, udp, any };

struct StatusRange {
    unsigned first = 0, last = 0;
    bool operator==(const StatusRange&) const = default;
};

struct HealthCheckBlock {
    std::vector<Located<lb::CheckType>> settings_for;  ///< `tcp:`, `http:`... written in this very service
    Written<lb::CheckType> type;
    Written<Duration> interval, fast_interval, unhealthy_interval, timeout;
    Written<unsigned> unhealthy_threshold, healthy_threshold, jitter_percent, port;
    Written<lb::Watch> watch;
    Written<std::string> tcp_send, tcp_expect, udp_send, udp_expect, grpc_service;
    Written<std::string> http_path, http_method, http_host, http_expect_body;
    std::map<std::string, Located<std::string>> http_headers;
    Written<std::vector<StatusRange>> http_expected_statuses;
    Written<bool> tcp_tls, http_tls, grpc_tls;
    std::optional<Position> tls_at;  ///< where `tls:` was written in this very service
    Written<std::string> tls_server_name, tls_ca_file, tls_cert_file, tls_key_file;
    Written<bool> tls_insecure_skip_verify;
    std::shared_ptr<const lb::TlsContext> tls_context;  ///< made from the files, where the check speaks TLS
    Written<std::vector<std::string>> exec_command;
};

struct OutlierDetectionBlock {
    Written<bool> enabled;
    Written<unsigned> consecutive_connect_failures, max_ejection_percent;
    Written<Duration> interval, base_ejection_time, max_ejection_time;
};

struct ConnectionsBlock {
    Written<lb::SocketFate> on_unreachable, on_refused, on_check_failed, on_unresponsive, on_ejected,
        on_remove, on_drain;
    Written<lb::SocketFate> on_restarted;
    Written<lb::OnRecover> on_recover;
    Written<lb::UdpFate> udp;
    Written<Duration> grace, drain_timeout, drain_quiet;
    Written<std::optional<Duration>> close_spread;  ///< nothing inside: auto
    Written<bool> only_if_alternative;
    Written<lb::Untracked> untracked;
};

struct NamesBlock {
    Written<lb::NameFamily> family;
    Written<Duration> hold;
};

/// Exactly one of endpoint, dns and srv, unless that one is faulty.
struct BackendBlock {
    Position at;
    Written<Endpoint> endpoint;
    Written<std::string> dns, srv, name;
    Written<unsigned> weight, priority;
    Written<lb::OperatorState> state;
    Written<Address> check_address;
    Written<unsigned> check_port;
    Written<std::string> check_server_name, check_host;
};

struct ServiceBlock {
    Position at;
    Written<std::string> name;
    Written<ServiceProtocol> protocol;
    std::vector<Located<Endpoint>> addresses;
    Written<lb::LbPolicy> lb_policy;
    Written<lb::HashKey> hash_key;
    Written<unsigned> panic_threshold;
    Written<lb::OnNoHealthy> on_no_healthy;
    Written<Duration> slow_start;
    HealthCheckBlock health_check;
    OutlierDetectionBlock outlier_detection;
    ConnectionsBlock connections;
    NamesBlock names;
    std::vector<BackendBlock> backends;
};

struct PolicyBlock {
    Position at;
    Written<std::string> name;
    Written<lb::PolicyAction> action;
    std::vector<Located<lb::Destination>> to;
    Written<lb::ExistingSockets> existing;
};

struct ConfigFile {
    Written<std::string> cgroup, admin_socket, pin;
    Written<std::optional<Endpoint>> admin_address;  ///< nothing inside: none
    Written<Duration> exit_when_idle;
    Written<lb::LogLevel> log_level;
    Written<lb::LogFormat> log_format;
    Written<lb::OnExit> on_exit;
    Written<lb::Mptcp> mptcp;
    ServiceBlock defaults;
    std::vector<ServiceBlock> services;
    std::vector<PolicyBlock> policies;
};

}  // namespace reseat::config
