// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/status_json.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"
#include "config/words.hpp"

#include <boost/json.hpp>

namespace reseat::proxy {
namespace {

namespace json = boost::json;
using config::word_of;
using SystemTime = std::chrono::system_clock::time_point;

json::value time_json(SystemTime at) {
    if (at == SystemTime{}) return nullptr;
    return json::value(iso8601(at));
}

std::int64_t microseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

/// 2, but 0.2.
json::value number_json(double number) {
    const auto whole = static_cast<std::int64_t>(number);
    if (static_cast<double>(whole) == number) return whole;
    return number;
}

json::array history_json(const std::vector<lb::PastCheck>& history) {
    json::array list;
    for (const auto& [at_ms, latency_us, outcome] : history)
        list.emplace_back(
            json::object{{"at", at_ms}, {"latency_us", latency_us}, {"result", to_string(outcome)}});
    return list;
}

json::object check_json(lb::CheckType type, const lb::CheckStatus& check) {
    const bool checked = check.at != SystemTime{};
    return {{"type", word_of(config::check_types, type)},
            {"result", checked ? json::value(to_string(check.result.outcome)) : json::value(nullptr)},
            {"detail", check.result.detail},
            {"latency_us", microseconds(check.result.latency)},
            {"at", time_json(check.at)},
            {"passes", check.passes},
            {"failures", check.failures}};
}

json::object backend_json(lb::CheckType type, const lb::BackendStatus& status, bool history) {
    json::object check = check_json(type, status.check);
    if (history) check["history"] = history_json(status.history);
    return {{"name", status.backend.name},
            {"address", to_string(status.backend.endpoint)},
            {"state", to_string(status.state)},
            {"reason", status.reason},
            {"since", time_json(status.since)},
            {"weight", status.backend.weight},
            {"effective_weight", number_json(status.effective_weight)},
            {"priority", status.backend.priority},
            {"open_sockets", status.open_sockets},
            {"waiting", status.waiting},
            {"stuck", status.stuck},
            {"sockets_end_at", time_json(status.sockets_end_at.value_or(SystemTime{}))},
            {"connects_total", status.connects_total},
            {"connect_failures_total", status.connect_failures_total},
            {"early_resets_total", status.early_resets_total},
            {"unanswered_total", status.unanswered_total},
            {"ejected_until", time_json(status.ejected_until.value_or(SystemTime{}))},
            {"check", std::move(check)}};
}

json::value failover_json(const std::optional<lb::Failover>& failover) {
    if (!failover) return nullptr;
    const auto& report = failover->report;
    return json::object{{"at", time_json(failover->at)},   {"backend", failover->backend},
                        {"reason", failover->reason},      {"matched", report.matched},
                        {"terminated", report.terminated}, {"repointed", report.repointed},
                        {"failed", report.failed},         {"duration_us", microseconds(report.duration)}};
}

/// What the steady clock says, for people.
SystemTime system_time(TimePoint at) {
    const auto ahead = at - std::chrono::steady_clock::now();
    return std::chrono::system_clock::now() + std::chrono::duration_cast<SystemTime::duration>(ahead);
}

json::object name_json(const lb::NameView& view) {
    json::array addresses, held, services;
    for (const auto& [endpoint, srv, absent] : view.endpoints) {
        addresses.emplace_back(to_string(endpoint));
        if (absent)
            held.emplace_back(
                json::object{{"address", to_string(endpoint)},
                             {"absent_since", time_json(absent->at)},
                             {"held_until", time_json(system_time(absent->since + view.hold))}});
    }
    for (const auto& [endpoint, service] : view.service_endpoints)
        services.emplace_back(json::object{{"address", to_string(endpoint)}, {"service", service}});
    return {{"name", view.named.dns_name},
            {"type", view.named.type == lb::RecordType::srv ? "srv" : "address"},
            {"addresses", std::move(addresses)},
            {"held", std::move(held)},
            {"service_addresses", std::move(services)},
            {"at", time_json(view.good_at)},
            {"error", view.error.empty() ? json::value(nullptr) : json::value(view.error)},
            {"next", time_json(system_time(view.next))}};
}

json::array names_json(const lb::Service& service, const std::vector<lb::NameView>& names) {
    json::array list;
    for (const auto& view : names)
        if (view.service == service.name && view.protocol == service.protocol)
            list.emplace_back(name_json(view));
    return list;
}

json::object service_json(const lb::ServiceStatus& status, const Snapshot& snapshot) {
    const lb::Service& service = *status.service;
    json::array addresses, backends;
    for (const auto& address : service.addresses) addresses.emplace_back(to_string(address));
    for (const auto& backend : status.backends)
        backends.emplace_back(backend_json(service.health_check.type, backend, snapshot.history));
    return {{"name", service.name},
            {"protocol", to_string(service.protocol)},
            {"addresses", std::move(addresses)},
            {"lb_policy", word_of(config::lb_policies, service.lb_policy)},
            {"eligible", status.eligible},
            {"total", status.backends.size()},
            {"panic", status.panic},
            {"open_sockets", status.open_sockets},
            {"waiting", status.waiting},
            {"stuck", status.stuck},
            {"untracked", status.untracked},
            {"last_failover", failover_json(status.last_failover)},
            {"discovery", names_json(service, snapshot.names)},
            {"backends", std::move(backends)}};
}

json::object config_json(const InstanceInfo& info) {
    const auto& [ok, at, error] = info.last_reload;
    return {
        {"path", printable(info.config_path)},
        {"sha256", info.config_sha256},
        {"loaded_at", time_json(info.loaded_at)},
        {"last_reload", json::object{{"ok", ok},
                                     {"at", time_json(at)},
                                     {"error", ok ? json::value(nullptr) : json::value(printable(error))}}}};
}

json::object policy_json(const lb::PolicyStatus& policy) {
    return {{"name", policy.name},
            {"action", word_of(config::actions, policy.action)},
            {"denied_total", policy.denied_total},
            {"terminated_total", policy.terminated_total}};
}

}  // namespace

json::object status_json(const Snapshot& snapshot) {
    const InstanceInfo& info = snapshot.info;
    json::array engines, list, rules;
    for (const auto& engine : info.engines) engines.emplace_back(engine);
    for (const auto& service : snapshot.services) list.emplace_back(service_json(service, snapshot));
    for (const auto& policy : snapshot.policies) rules.emplace_back(policy_json(policy));
    return {{"api_version", 1},
            {"version", RESEAT_VERSION},
            {"instance", info.instance},
            {"ready", snapshot.ready},
            {"started_at", time_json(info.started_at)},
            {"workload", json::object{{"cgroup", printable(info.cgroup)}, {"pinned", info.pinned}}},
            {"config", config_json(info)},
            {"kernel", json::object{{"release", info.kernel_release},
                                    {"terminate", std::move(engines)},
                                    {"repoint", info.repoint}}},
            {"services", std::move(list)},
            {"policies", std::move(rules)}};
}

}  // namespace reseat::proxy
