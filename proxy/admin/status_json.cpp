// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/status_json.hpp"

#include "base/printable.hpp"
#include "proxy/admin/status.hpp"

#include <map>
#include <numeric>

namespace reseat::proxy {
namespace {

using std::chrono::duration_cast, std::chrono::microseconds;

std::optional<SystemTime> if_any(SystemTime at) {
    return at == SystemTime{} ? std::nullopt : std::optional(at);
}

std::optional<std::string> if_any(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

std::vector<std::string> texts(const std::vector<Endpoint>& endpoints) {
    std::vector<std::string> list;
    for (const auto& endpoint : endpoints) list.push_back(to_string(endpoint));
    return list;
}

CheckView view_of(lb::CheckType type, const lb::BackendStatus& status, bool with_history) {
    const lb::CheckStatus& check = status.check;
    CheckView view{.type = std::string(word_of(type)),
                   .detail = check.result.detail,
                   .latency_us = duration_cast<microseconds>(check.result.latency),
                   .at = if_any(check.at),
                   .passes = check.passes,
                   .failures = check.failures};
    if (view.at) view.result = to_string(check.result.outcome);
    if (!with_history) return view;
    view.history.emplace();
    for (const auto& [at_ms, latency_us, outcome] : status.history)
        view.history->push_back({at_ms, latency_us, std::string(to_string(outcome))});
    return view;
}

BackendView view_of(const lb::BackendStatus& status, CheckView check) {
    const lb::Backend& backend = status.backend;
    BackendView view{.name = backend.name,
                     .address = to_string(backend.endpoint),
                     .state = std::string(word_of(status.state)),
                     .reason = status.reason,
                     .since = if_any(status.since),
                     .weight = backend.weight,
                     .effective_weight = status.effective_weight,
                     .priority = backend.priority,
                     .open_sockets = status.open_sockets,
                     .waiting = status.waiting,
                     .stuck = status.stuck,
                     .sockets_end_at = status.sockets_end_at,
                     .connects_total = status.connects_total,
                     .connect_failures_total = status.connect_failures_total,
                     .early_resets_total = status.early_resets_total,
                     .unanswered_total = status.unanswered_total,
                     .ejected_until = status.ejected_until,
                     .check = std::move(check)};
    if (backend.source.empty()) return view;
    view.source = printable(backend.source);
    view.standing = std::string(word_of(backend.standing));
    view.incarnation = backend.incarnation;
    view.node = backend.node;
    view.zone = backend.zone;
    view.held = backend.held;
    return view;
}

FailoverView view_of(const lb::Failover& failover) {
    const auto& report = failover.report;
    return {.at = if_any(failover.at),
            .backend = failover.backend,
            .reason = failover.reason,
            .matched = report.matched,
            .terminated = report.terminated,
            .repointed = report.repointed,
            .failed = report.failed,
            .duration_us = duration_cast<microseconds>(report.duration)};
}

/// What the steady clock says, for people.
SystemTime system_time(TimePoint at) {
    const auto ahead = at - std::chrono::steady_clock::now();
    return std::chrono::system_clock::now() + duration_cast<SystemTime::duration>(ahead);
}

DnsNameView view_of(const lb::NameView& name) {
    DnsNameView view{.name = name.named.dns_name,
                     .type = std::string(word_of(name.named.type)),
                     .at = if_any(name.good_at),
                     .error = if_any(name.error),
                     .next = system_time(name.next)};
    for (const auto& [endpoint, srv, absent] : name.endpoints) {
        view.addresses.push_back(to_string(endpoint));
        if (absent)
            view.held.push_back(
                {to_string(endpoint), if_any(absent->at), system_time(absent->since + name.hold)});
    }
    for (const auto& [endpoint, service] : name.service_endpoints)
        view.service_addresses.push_back({to_string(endpoint), service});
    return view;
}

std::optional<std::string> line_if_any(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(printable(text));
}

std::uint64_t sum(const std::map<std::string, std::uint64_t>& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0},
                           [](std::uint64_t all, const auto& one) { return all + one.second; });
}

ReferenceView view_of(const lb::SourceView& source) {
    const lb::Assignment& said = source.said;
    return {.source = printable(to_string(source.entry.ref)),
            .kind = std::string(word_of(source.entry.ref.kind)),
            .known = std::string(word_of(said.known)),
            .stale = said.stale || source.from_before,
            .from_before = source.from_before,
            .confirmed_at = if_any(said.confirmed_at),
            .ready = source.count(lb::Standing::ready),
            .leaving = source.count(lb::Standing::leaving),
            .unready = source.count(lb::Standing::unready),
            .held = source.held(),
            .left_out = said.left_out,
            .why_left_out = line_if_any(said.why_left_out),
            .disagreements = source.disagreements,
            .error = line_if_any(said.error)};
}

SourceView view_of(const lb::SourceRecord& source) {
    return {.name = printable(source.name()),
            .kind = std::string(word_of(source.kind())),
            .state = std::string(word_of(source.state())),
            .since = if_any(source.since()),
            .heard_at = if_any(source.heard_at()),
            .last_change_at = if_any(source.last_change_at()),
            .error = line_if_any(source.error()),
            .version = line_if_any(source.version()),
            .refs = source.refs(),
            .events_total = sum(source.events()),
            .relists_total = sum(source.relists())};
}

ServiceView view_of(const lb::ServiceStatus& status, const Snapshot& snapshot) {
    const lb::Service& service = *status.service;
    ServiceView view{.name = service.name,
                     .protocol = std::string(to_string(service.protocol)),
                     .addresses = texts(service.addresses),
                     .lb_policy = std::string(word_of(service.lb_policy)),
                     .eligible = status.eligible,
                     .total = status.backends.size(),
                     .panic = status.panic,
                     .open_sockets = status.open_sockets,
                     .waiting = status.waiting,
                     .stuck = status.stuck,
                     .untracked = status.untracked};
    if (status.last_failover) view.last_failover = view_of(*status.last_failover);
    for (const auto& name : snapshot.names)
        if (name.service == service.name && name.protocol == service.protocol)
            view.discovery.push_back(view_of(name));
    for (const auto& source : snapshot.source_views)
        if (source.service == service.name && source.protocol == service.protocol)
            view.sources.push_back(view_of(source));
    for (const auto& backend : status.backends)
        view.backends.push_back(
            view_of(backend, view_of(service.health_check.type, backend, snapshot.history)));
    share_out(view.backends);
    return view;
}

}  // namespace

boost::json::object status_json(const Snapshot& snapshot) {
    const InstanceInfo& info = snapshot.info;
    const auto& [ok, at, error] = info.last_reload;
    StatusView view{
        .version = RESEAT_VERSION,
        .instance = info.instance,
        .ready = snapshot.ready,
        .started_at = if_any(info.started_at),
        .workload = {.cgroup = printable(info.cgroup), .pinned = info.pinned},
        .config = {.path = printable(info.config_path),
                   .sha256 = info.config_sha256,
                   .loaded_at = if_any(info.loaded_at),
                   .last_reload = {.ok = ok, .at = if_any(at)}},
        .kernel = {.release = info.kernel_release, .terminate = info.engines, .repoint = info.repoint}};
    if (!ok) view.config.last_reload.error = printable(error);
    for (const auto& source : snapshot.sources) view.sources.push_back(view_of(source));
    for (const auto& service : snapshot.services) view.services.push_back(view_of(service, snapshot));
    for (const auto& policy : snapshot.policies)
        view.policies.push_back({.name = policy.name,
                                 .action = std::string(word_of(policy.action)),
                                 .denied_total = policy.denied_total,
                                 .terminated_total = policy.terminated_total});
    return std::move(to_json(view).as_object());
}

}  // namespace reseat::proxy
