// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/status_text.hpp"

#include "base/text.hpp"
#include "proxy/show/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reseat::proxy {
namespace {

Colour colour_of(std::string_view state) {
    if (state == "up") return Colour::good;
    if (state == "down" || state == "ejected") return Colour::bad;
    return Colour::warning;
}

std::string addresses(const ServiceView& service) {
    if (service.addresses.empty()) return "-";
    const std::size_t more = service.addresses.size() - 1;
    return more ? fmt::format("{} +{}", service.addresses.front(), more) : service.addresses.front();
}

Cell eligible(const ServiceView& service) {
    const Colour colour = service.eligible == service.total ? Colour::good
                          : service.eligible == 0           ? Colour::bad
                                                            : Colour::warning;
    return {fmt::format("{}/{}", service.eligible, service.total), colour};
}

Cell troubling(std::uint64_t count) {
    return {std::to_string(count), count ? Colour::warning : Colour::none};
}

std::string heading(const StatusView& status, SystemTime now, std::size_t max_width, bool colours) {
    const std::string_view state = status.ready ? "ready" : "starting";
    const std::string about =
        fmt::format("workload {}{}", status.workload.cgroup, status.workload.pinned ? ", pinned" : "");
    const std::string first =
        fmt::format("{}: {}, running for {}, ", status.instance, state, age(status.started_at, now));
    const bool fits = max_width == 0 || width(first + about) <= max_width;
    return fmt::format("{}: {}, running for {},{}{}\n", status.instance,
                       paint(state, status.ready ? Colour::good : Colour::warning, colours),
                       age(status.started_at, now), fits ? " " : "\n  ", about);
}

std::string failed_reload(const StatusView& status, SystemTime now, bool colours) {
    const ReloadView& reload = status.config.last_reload;
    if (reload.ok) return "";
    return fmt::format("{} {} ago, the previous configuration stays in force: {}\n",
                       paint("reload FAILED", Colour::bad, colours), age(reload.at, now),
                       reload.error.value_or(""));
}

std::string policies(const StatusView& status, std::size_t max_width, bool colours) {
    if (status.policies.empty()) return "";
    Table table({{"POLICY", false, true}, {"ACTION"}, {"DENIED", true}, {"TERMINATED", true}});
    for (const auto& policy : status.policies)
        table.add({policy.name, policy.action, std::to_string(policy.denied_total),
                   std::to_string(policy.terminated_total)});
    return "\n" + table.render(max_width, colours);
}

Table services_table(const StatusView& status) {
    Table table({{"SERVICE", false, true},
                 {"PROTO"},
                 {"ADDRESS", false, true},
                 {"ELIGIBLE", true},
                 {"OPEN", true},
                 {"WAITING", true},
                 {"STUCK", true}});
    for (const auto& service : status.services)
        table.add({service.name, service.protocol, addresses(service), eligible(service),
                   std::to_string(service.open_sockets), troubling(service.waiting),
                   troubling(service.stuck)});
    return table;
}

Table backends_table(const std::vector<ServiceView>& services, SystemTime now) {
    Table table({{"BACKEND", false, true},
                 {"ADDRESS", false, true},
                 {"STATE"},
                 {"FOR", true},
                 {"OPEN", true},
                 {"CONNECTS", true},
                 {"REASON", false, true}});
    for (const auto& service : services)
        for (const auto& backend : service.backends)
            table.add({service.title(backend),
                       backend.address,
                       {backend.state, colour_of(backend.state)},
                       age(backend.since, now),
                       std::to_string(backend.open_sockets),
                       std::to_string(backend.connects_total),
                       backend.reason.empty() ? backend.check.detail : backend.reason});
    return table;
}

std::string remarks(const ServiceView& service, const DnsNameView& name, SystemTime now, bool colours) {
    std::string lines;
    if (name.error)
        lines +=
            fmt::format("{} {}: {}: {}; {}\n", paint("not resolved:", Colour::warning, colours),
                        service.title(), name.name, *name.error,
                        name.addresses.empty() ? "no backend is known" : "the last good addresses are used");
    for (const ServiceAddressView& one : name.service_addresses)
        lines += fmt::format("{} {}: {}: {} is the address of {}\n",
                             paint("not a server:", Colour::warning, colours), service.title(), name.name,
                             one.address, owner(one, service));
    for (const auto& [address, absent_since, until] : name.held)
        lines += fmt::format("held: {}: {}: {} is absent from DNS for {}, is used for another {}\n",
                             service.title(), name.name, address, age(absent_since, now),
                             human(std::max(until.value_or(now) - now, SystemTime::duration())));
    return lines;
}

std::string names(const StatusView& status, SystemTime now, bool colours) {
    std::string lines;
    for (const auto& service : status.services)
        for (const auto& name : service.discovery) lines += remarks(service, name, now, colours);
    return lines.empty() ? lines : "\n" + lines;
}

std::string failovers(const StatusView& status, SystemTime now) {
    std::string lines;
    for (const auto& service : status.services)
        if (const auto& failover = service.last_failover)
            lines +=
                fmt::format("last failover {} ago: {}: {}\n  {} terminated, {} re-pointed, {} failed in {}\n",
                            age(failover->at, now), service.title({.name = failover->backend}),
                            failover->reason, counted(failover->terminated, "socket"), failover->repointed,
                            failover->failed, human(failover->duration_us));
    return lines.empty() ? lines : "\n" + lines;
}

/// What is not as it should be with this backend and its sockets.
std::string remarks(const BackendView& backend) {
    std::string text = backend.state == "up" ? "" : backend.reason;
    const auto add = [&](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
    if (backend.waiting) add(counted(backend.waiting, "socket") + " waiting for an eligible backend");
    if (backend.stuck) add(counted(backend.stuck, "socket") + " that cannot be terminated");
    return text;
}

}  // namespace

std::string status_text(const StatusView& status, SystemTime now, std::size_t max_width, bool colours) {
    return heading(status, now, max_width, colours) + failed_reload(status, now, colours) + "\n" +
           services_table(status).render(max_width, colours) + "\n" +
           backends_table(status.services, now).render(max_width, colours) +
           policies(status, max_width, colours) + names(status, now, colours) + failovers(status, now);
}

std::string services_text(const StatusView& status, SystemTime now, std::size_t max_width, bool colours) {
    Table table(
        {{"SERVICE", false, true}, {"PROTO"}, {"ADDRESS", false, true}, {"ELIGIBLE", true}, {"OPEN", true}});
    for (const auto& service : status.services)
        table.add({service.name, service.protocol, addresses(service), eligible(service),
                   std::to_string(service.open_sockets)});
    return heading(status, now, max_width, colours) + "\n" + table.render(max_width, colours);
}

std::string backends_text(const std::vector<ServiceView>& services, SystemTime now, std::size_t max_width,
                          bool colours) {
    Table table({{"BACKEND", false, true},
                 {"ADDRESS", false, true},
                 {"STATE"},
                 {"FOR", true},
                 {"SHARE", true},
                 {"WEIGHT", true},
                 {"PRIO", true},
                 {"OPEN", true}});
    for (const auto& service : services)
        for (const auto& backend : service.backends) {
            table.add({service.title(backend),
                       backend.address,
                       {backend.state, colour_of(backend.state)},
                       age(backend.since, now),
                       percent(backend.share),
                       std::to_string(backend.weight),
                       std::to_string(backend.priority),
                       std::to_string(backend.open_sockets)});
            table.note(remarks(backend));
        }
    return table.render(max_width, colours);
}

std::string age(const std::optional<SystemTime>& since, SystemTime now) {
    return since ? human(std::max(now - *since, SystemTime::duration::zero())) : "-";
}

std::string percent(double share) {
    if (share <= 0) return "-";
    const double percent = share * 100;
    if (percent < 0.01) return "< 0.01 %";
    // Two digits, of which a last one that is 0 says nothing: 50 %, 5 %, 1.7 %, 0.5 %, 0.01 %.
    std::string text = fmt::format("{:.{}f}", percent, percent >= 10 ? 0 : percent >= 0.1 ? 1 : 2);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text + " %";
}

}  // namespace reseat::proxy
