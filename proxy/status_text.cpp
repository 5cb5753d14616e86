// SPDX-License-Identifier: Apache-2.0
#include "proxy/status_text.hpp"

#include "proxy/terminal.hpp"
#include "proxy/text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <ctime>
#include <optional>

namespace reseat::proxy {
namespace {

namespace json = boost::json;
using SystemTime = std::chrono::system_clock::time_point;

std::string text(const json::value& value) {
    return one_line(std::string_view(value.as_string()));
}

std::string number(const json::value& value) {
    return std::to_string(value.to_number<std::uint64_t>());
}

/// What iso8601() wrote, to the second.
std::optional<SystemTime> parse_time(const json::value& value) {
    std::tm parts{};
    if (!value.is_string() || ::strptime(value.as_string().c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr)
        return std::nullopt;
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string age(const json::value& since, SystemTime now) {
    const auto at = parse_time(since);
    return at ? human(std::max(now - *at, SystemTime::duration::zero())) : "-";
}

Colour colour_of(std::string_view state) {
    if (state == "up") return Colour::good;
    if (state == "down" || state == "ejected") return Colour::bad;
    return Colour::warning;
}

std::string addresses(const json::object& service) {
    const auto& list = service.at("addresses").as_array();
    std::string first = list.empty() ? "-" : text(list.front());
    return list.size() > 1 ? fmt::format("{} +{}", first, list.size() - 1) : first;
}

std::string heading(const json::object& status, SystemTime now, bool colours) {
    const bool ready = status.at("ready").as_bool();
    return fmt::format("{}: {}, running for {}, workload {}{}\n", text(status.at("instance")),
                       paint(ready ? "ready" : "starting", ready ? Colour::good : Colour::warning, colours),
                       age(status.at("started_at"), now), text(status.at("workload").at("cgroup")),
                       status.at("workload").at("pinned").as_bool() ? ", pinned" : "");
}

std::string failed_reload(const json::object& status, SystemTime now, bool colours) {
    const auto& reload = status.at("config").at("last_reload");
    if (reload.at("ok").as_bool()) return "";
    return fmt::format("{} {} ago, the configuration before it runs: {}\n",
                       paint("reload FAILED", Colour::bad, colours), age(reload.at("at"), now),
                       text(reload.at("error")));
}

std::string policies_text(const json::array& policies, std::size_t max_width, bool colours) {
    if (policies.empty()) return "";
    Table table({{"POLICY", false, true}, {"ACTION"}, {"DENIED", true}, {"TERMINATED", true}});
    for (const auto& policy : policies)
        table.add({text(policy.at("name")), text(policy.at("action")), number(policy.at("denied_total")),
                   number(policy.at("terminated_total"))});
    return "\n" + table.render(max_width, colours);
}

Table services_table(const json::array& services) {
    Table table({{"SERVICE", false, true},
                 {"PROTO"},
                 {"ADDRESS", false, true},
                 {"ELIGIBLE", true},
                 {"OPEN", true},
                 {"WAITING", true},
                 {"STUCK", true}});
    for (const auto& value : services) {
        const auto& service = value.as_object();
        const auto eligible = service.at("eligible").to_number<std::uint64_t>();
        const auto total = service.at("total").to_number<std::uint64_t>();
        const Colour colour = eligible == total ? Colour::good
                              : eligible == 0   ? Colour::bad
                                                : Colour::warning;
        table.add({text(service.at("name")),
                   text(service.at("protocol")),
                   addresses(service),
                   {fmt::format("{}/{}", eligible, total), colour},
                   number(service.at("open_sockets")),
                   number(service.at("waiting")),
                   number(service.at("stuck"))});
    }
    return table;
}

Table backends_table(const json::array& services, SystemTime now) {
    Table table({{"BACKEND", false, true},
                 {"ADDRESS", false, true},
                 {"STATE"},
                 {"FOR", true},
                 {"OPEN", true},
                 {"CONNECTS", true},
                 {"REASON", false, true}});
    for (const auto& service : services)
        for (const auto& value : service.at("backends").as_array()) {
            const auto& backend = value.as_object();
            const std::string state = text(backend.at("state"));
            const std::string reason = text(backend.at("reason"));
            table.add({text(service.at("name")) + "/" + text(backend.at("name")),
                       text(backend.at("address")),
                       {state, colour_of(state)},
                       age(backend.at("since"), now),
                       number(backend.at("open_sockets")),
                       number(backend.at("connects_total")),
                       reason.empty() ? text(backend.at("check").at("detail")) : reason});
        }
    return table;
}

std::string unresolved(const json::array& services, bool colours) {
    std::string lines;
    for (const auto& service : services)
        for (const auto& name : service.at("discovery").as_array())
            if (!name.at("error").is_null())
                lines += fmt::format("{} {}: {}: {}; {}\n", paint("not resolved:", Colour::warning, colours),
                                     text(service.at("name")), text(name.at("name")), text(name.at("error")),
                                     name.at("addresses").as_array().empty() ? "no backend is known"
                                                                             : "the last good ones serve");
    return lines.empty() ? lines : "\n" + lines;
}

std::string failovers(const json::array& services, SystemTime now) {
    std::string lines;
    for (const auto& service : services) {
        const auto& failover = service.at("last_failover");
        if (failover.is_null()) continue;
        const auto duration = std::chrono::microseconds(failover.at("duration_us").to_number<std::int64_t>());
        lines += fmt::format(
            "last failover {} ago: {}/{}: {}\n  {} sockets terminated, {} re-pointed, {} failed in {}\n",
            age(failover.at("at"), now), text(service.at("name")), text(failover.at("backend")),
            text(failover.at("reason")), number(failover.at("terminated")), number(failover.at("repointed")),
            number(failover.at("failed")), human(duration));
    }
    return lines.empty() ? lines : "\n" + lines;
}

}  // namespace

std::string status_text(const json::object& status, SystemTime now, std::size_t max_width, bool colours) {
    const auto& services = status.at("services").as_array();
    return heading(status, now, colours) + failed_reload(status, now, colours) + "\n" +
           services_table(services).render(max_width, colours) + "\n" +
           backends_table(services, now).render(max_width, colours) +
           policies_text(status.at("policies").as_array(), max_width, colours) +
           unresolved(services, colours) + failovers(services, now);
}

}  // namespace reseat::proxy
