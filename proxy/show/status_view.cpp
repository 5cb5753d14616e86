// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/status_view.hpp"

#include "base/nearest_word.hpp"
#include "base/text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <array>
#include <map>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

/// Empty for null.
std::string text(const json::object& from, const char* key) {
    const auto& value = from.at(key);
    return value.is_null() ? std::string() : one_line(std::string_view(value.as_string()));
}

/// 0 where an older instance does not tell it.
std::uint64_t count(const json::object& from, const char* key) {
    const auto* value = from.if_contains(key);
    return value == nullptr ? 0 : value->to_number<std::uint64_t>();
}

/// False likewise.
std::optional<SystemTime> time(const json::object& from, const char* key) {
    const auto* value = from.if_contains(key);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return parse_iso8601(std::string(value->as_string()));
}

Duration microseconds(const json::object& from, const char* key) {
    return std::chrono::microseconds(from.at(key).to_number<std::int64_t>());
}

CheckView read_check(const json::object& from) {
    return {.type = text(from, "type"),
            .result = text(from, "result"),
            .detail = text(from, "detail"),
            .latency = microseconds(from, "latency_us"),
            .at = time(from, "at"),
            .passes = count(from, "passes"),
            .failures = count(from, "failures")};
}

BackendView read_backend(const json::object& from) {
    return {.name = text(from, "name"),
            .address = text(from, "address"),
            .state = text(from, "state"),
            .reason = text(from, "reason"),
            .since = time(from, "since"),
            .weight = static_cast<unsigned>(count(from, "weight")),
            .effective_weight = from.at("effective_weight").to_number<double>(),
            .priority = static_cast<unsigned>(count(from, "priority")),
            .open_sockets = count(from, "open_sockets"),
            .waiting = count(from, "waiting"),
            .stuck = count(from, "stuck"),
            .connects_total = count(from, "connects_total"),
            .connect_failures_total = count(from, "connect_failures_total"),
            .ejected_until = time(from, "ejected_until"),
            .sockets_end_at = time(from, "sockets_end_at"),
            .check = read_check(from.at("check").as_object())};
}

/// Each family has a table of its own.
void share_out(std::vector<BackendView>& backends) {
    std::array<double, 2> sums{};
    for (const BackendView& one : backends) sums[is_v6(one)] += one.effective_weight;
    for (BackendView& one : backends)
        one.share = sums[is_v6(one)] > 0 ? one.effective_weight / sums[is_v6(one)] : 0;
}

std::optional<FailoverView> read_failover(const json::value& from) {
    if (from.is_null()) return std::nullopt;
    const auto& failover = from.as_object();
    return FailoverView{.at = time(failover, "at"),
                        .backend = text(failover, "backend"),
                        .reason = text(failover, "reason"),
                        .matched = count(failover, "matched"),
                        .terminated = count(failover, "terminated"),
                        .repointed = count(failover, "repointed"),
                        .failed = count(failover, "failed"),
                        .duration = microseconds(failover, "duration_us")};
}

/// What an older instance does not tell is empty.
json::array list(const json::object& from, const char* key) {
    const auto* value = from.if_contains(key);
    return value == nullptr ? json::array() : value->as_array();
}

DnsNameView read_name(const json::object& from, const std::string& service) {
    DnsNameView name{.name = text(from, "name"),
                     .type = text(from, "type"),
                     .error = text(from, "error"),
                     .has_addresses = !from.at("addresses").as_array().empty()};
    for (const auto& held : list(from, "held"))
        name.held.push_back({.address = text(held.as_object(), "address"),
                             .absent_since = time(held.as_object(), "absent_since"),
                             .held_until = time(held.as_object(), "held_until")});
    for (const auto& one : list(from, "service_addresses")) {
        const std::string of = text(one.as_object(), "service");
        name.service_addresses.push_back(
            {.address = text(one.as_object(), "address"),
             .owner = of == service ? "this very service" : "the service " + of});
    }
    return name;
}

ServiceView read_service(const json::object& from) {
    ServiceView service{.name = text(from, "name"),
                        .protocol = text(from, "protocol"),
                        .is_half = false,
                        .addresses = {},
                        .lb_policy = text(from, "lb_policy"),
                        .eligible = count(from, "eligible"),
                        .total = count(from, "total"),
                        .panic = from.at("panic").as_bool(),
                        .open_sockets = count(from, "open_sockets"),
                        .waiting = count(from, "waiting"),
                        .stuck = count(from, "stuck"),
                        .untracked = count(from, "untracked"),
                        .last_failover = read_failover(from.at("last_failover")),
                        .names = {},
                        .backends = {}};
    for (const auto& address : from.at("addresses").as_array())
        service.addresses.push_back(one_line(std::string_view(address.as_string())));
    for (const auto& name : from.at("discovery").as_array())
        service.names.push_back(read_name(name.as_object(), service.name));
    for (const auto& backend : from.at("backends").as_array())
        service.backends.push_back(read_backend(backend.as_object()));
    share_out(service.backends);
    return service;
}

}  // namespace

std::string ServiceView::title() const {
    return is_half ? fmt::format("{} ({})", name, protocol) : name;
}

std::string ServiceView::title(const BackendView& backend) const {
    const std::string both = name + "/" + backend.name;
    return is_half ? fmt::format("{} ({})", both, protocol) : both;
}

StatusView read_status(const json::object& status) {
    const auto& workload = status.at("workload").as_object();
    const auto& reload = status.at("config").at("last_reload").as_object();
    StatusView view{.instance = text(status, "instance"),
                    .ready = status.at("ready").as_bool(),
                    .started_at = time(status, "started_at"),
                    .cgroup = text(workload, "cgroup"),
                    .pinned = workload.at("pinned").as_bool(),
                    .reload_error = reload.at("ok").as_bool() ? std::string() : text(reload, "error"),
                    .reload_at = time(reload, "at"),
                    .services = {},
                    .policies = {}};
    for (const auto& service : status.at("services").as_array())
        view.services.push_back(read_service(service.as_object()));
    std::map<std::string_view, std::size_t> times;
    for (const ServiceView& service : view.services) ++times[service.name];
    for (ServiceView& service : view.services) service.is_half = times[service.name] > 1;
    for (const auto& policy : status.at("policies").as_array()) {
        const auto& one = policy.as_object();
        view.policies.push_back({.name = text(one, "name"),
                                 .action = text(one, "action"),
                                 .denied_total = count(one, "denied_total"),
                                 .terminated_total = count(one, "terminated_total")});
    }
    return view;
}

Result<std::vector<ServiceView>> services_called(const StatusView& status, const std::string& name) {
    std::vector<ServiceView> found;
    std::vector<std::string_view> names;
    for (const ServiceView& service : status.services) {
        names.push_back(service.name);
        if (name.empty() || service.name == name) found.push_back(service);
    }
    if (!found.empty() || name.empty()) return found;
    return Error{ErrorCode::failed,
                 fmt::format("no service '{}'{}", name, did_you_mean_one_of(name, std::move(names)))};
}

bool is_v6(const BackendView& backend) {
    return backend.address.starts_with('[');
}

}  // namespace reseat::proxy
