// SPDX-License-Identifier: Apache-2.0
#include "lb/control/wording.hpp"

#include <fmt/format.h>

namespace reseat::lb {
namespace {

std::string sockets(std::uint64_t count) {
    return fmt::format("{} socket{}", count, count == 1 ? "" : "s");
}

double milliseconds(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

std::string subject(const ServiceState& state, std::size_t backend) {
    return state.service->name + "/" + state.service->backends[backend].name;
}

std::string headline(const ServiceState& state, std::size_t backend, bool healthy,
                     const std::string& reason) {
    return fmt::format("{} is {}: {}, {} of {} backends {}", subject(state, backend), healthy ? "UP" : "DOWN",
                       reason, eligible_count(state), state.backends.size(), healthy ? "up" : "left");
}

std::string describe(const TerminationReport& report) {
    std::string text = fmt::format("{} terminated, {} re-pointed in {:.1f} ms", sockets(report.terminated),
                                   report.repointed, milliseconds(report.duration));
    if (report.failed)
        text += fmt::format(", {} failed: {}", report.failed, report.first_failure);
    else if (!report.first_failure.empty())
        text += fmt::format(" (re-point impossible: {})", report.first_failure);
    return text;
}

std::string aftermath(const ServiceState& state, std::size_t backend, std::uint64_t open) {
    const BackendRecord& record = state.backends[backend];
    if (!record.ended.empty() && record.ended.back().waiting)
        return open ? sockets(open) + (open == 1 ? " waits" : " wait") + ": no alternative" : "";
    if (!record.life) return "";
    const Life& life = *record.life;
    if (life.state == Life::State::serving) return open ? sockets(open) + " spared: no alternative" : "";
    if (life.fate == SocketFate::drain) return "draining, " + sockets(open) + " open";
    if (!open) return "";
    return sockets(open) + (life.fate == SocketFate::terminate ? " in grace" : " kept");
}

std::string_view because(EndCause cause) {
    switch (cause) {
        case EndCause::verdict:
            return "";
        case EndCause::grace_over:
            return "grace is over";
        case EndCause::drain_timeout:
            return "drain timed out";
        case EndCause::by_operator:
            return "taken out by the operator";
        case EndCause::alternative:
            return "an alternative is there";
    }
    return "";
}

std::vector<std::string> losses(const ServiceState& before, const ServiceState& after) {
    std::vector<std::string> lines;
    for (Family family : {Family::v4, Family::v6}) {
        const ChosenFrom now = after.family(family).from;
        if (!before.family(family).published || before.family(family).from == now) continue;
        if (now == ChosenFrom::fail_open)
            lines.push_back(
                fmt::format("{} has no eligible {} backend: the last healthy ones serve (fail_open)",
                            after.service->name, to_string(family)));
        if (now == ChosenFrom::nothing)
            lines.push_back(fmt::format("{} has no eligible {} backend: connections are refused",
                                        after.service->name, to_string(family)));
    }
    return lines;
}

}  // namespace reseat::lb
