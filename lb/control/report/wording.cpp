// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/wording.hpp"

#include "base/text.hpp"
#include "lb/control/plan/service_state.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reseat::lb {
namespace {

std::string sockets(std::uint64_t count) {
    return counted(count, "socket");
}

double milliseconds(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

/// The backends in use for the family of this backend: "dns/local is in use".
std::string in_use(const ServiceState& state, std::size_t backend) {
    const Family family = state.service->backends[backend].endpoint.address.family();
    std::vector<std::string> names;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const auto& life = state.backends[i].life;
        if (life && state.family(family).has(life->id)) names.push_back(subject(state, i));
    }
    if (names.size() > 2) return fmt::format("{} and {} more are in use", names[0], names.size() - 1);
    return fmt::format("{} {} in use", fmt::join(names, " and "), names.size() == 1 ? "is" : "are");
}

/// "2 of 3 backends"
std::string eligible_of_all(const ServiceState& state) {
    const auto removing = std::ranges::count_if(state.backends, &BackendRecord::removing);
    const std::size_t total = state.backends.size() - static_cast<std::size_t>(removing);
    return fmt::format("{} of {}", eligible_count(state), counted(total, "backend"));
}

/// "postgres has 1 of 3 IPv4 backends eligible"
std::string eligible_of(const ServiceState& state, Family family) {
    unsigned eligible = 0, total = 0;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const Candidate one = candidate(state, i);
        if (one.family != family || state.backends[i].removing) continue;
        ++total;
        eligible += is_eligible(one);
    }
    return fmt::format("{} has {} of {} {} backend{} eligible", title(*state.service), eligible, total,
                       to_string(family), total == 1 ? "" : "s");
}

struct Headline {
    std::string_view word;
    Event::Type type;
};

Headline headline(Transition::Kind kind) {
    switch (kind) {
        case Transition::Kind::up:
            return {"UP", Event::Type::backend_up};
        case Transition::Kind::down:
            return {"DOWN", Event::Type::backend_down};
        case Transition::Kind::ready:
            return {"READY", Event::Type::backend_ready};
        case Transition::Kind::drain:
            return {"DRAIN", Event::Type::backend_drain};
        case Transition::Kind::maint:
            return {"MAINT", Event::Type::backend_maint};
        case Transition::Kind::ejected:
            return {"EJECTED", Event::Type::backend_ejected};
        case Transition::Kind::readmitted:
            return {"READMITTED", Event::Type::backend_readmitted};
    }
    return {"UP", Event::Type::backend_up};
}

Event about(const ServiceState& state, Event::Type type, Event::Level level, std::string message) {
    return {.type = type,
            .level = level,
            .service = state.service->name,
            .protocol = state.service->protocol,
            .message = std::move(message)};
}

Event about(const ServiceState& state, std::size_t backend, Event::Type type, Event::Level level,
            std::string message) {
    Event event = about(state, type, level, std::move(message));
    event.backend = state.service->backends[backend].name;
    return event;
}

}  // namespace

std::string subject(const ServiceState& state, std::size_t backend) {
    return title(*state.service, state.service->backends[backend].name);
}

Transition::Kind kind_of(OperatorState state) {
    switch (state) {
        case OperatorState::drain:
            return Transition::Kind::drain;
        case OperatorState::maint:
            return Transition::Kind::maint;
        default:
            return Transition::Kind::ready;
    }
}

bool is_good(const Transition& transition) {
    return transition.kind == Transition::Kind::up || transition.kind == Transition::Kind::ready ||
           transition.kind == Transition::Kind::readmitted;
}

Event headline(const ServiceState& state, std::size_t backend, const Transition& transition) {
    const auto [word, type] = headline(transition.kind);
    const bool by_operator = transition.kind == Transition::Kind::ready ||
                             transition.kind == Transition::Kind::drain ||
                             transition.kind == Transition::Kind::maint;
    const bool is_up = is_good(transition);
    const std::string rest = fmt::format("{} {}", eligible_of_all(state), is_up ? "up" : "left");
    std::string line =
        by_operator ? fmt::format("{} is set to {}: {}", subject(state, backend), word, rest)
                    : fmt::format("{} is {}: {}, {}", subject(state, backend), word, transition.reason, rest);
    return about(state, backend, type, is_up ? Event::Level::info : Event::Level::warn, std::move(line));
}

Event reweighted(const ServiceState& state, std::size_t backend, unsigned before, std::uint64_t open) {
    const unsigned weight = state.backends[backend].weight;
    std::string line = fmt::format("{} has weight {} (was {}), set by the operator: {} up",
                                   subject(state, backend), weight, before, eligible_of_all(state));
    if (weight == 0)
        line += fmt::format("; it gets no new connections, {} open socket{}", open,
                            open == 1 ? " stays" : "s stay");
    return about(state, backend, Event::Type::backend_weight, Event::Level::info, std::move(line));
}

std::vector<Event> still_standing(const ServiceState& state) {
    constexpr std::string_view since = "by the operator before reseat started";
    std::vector<Event> events;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const BackendRecord& record = state.backends[i];
        const Backend& config = state.service->backends[i];
        if (record.removing) continue;
        if (record.operator_state != config.state) {
            const auto [word, type] = headline(kind_of(record.operator_state));
            events.push_back(about(state, i, type, Event::Level::info,
                                   fmt::format("{} is still set to {}, {}", subject(state, i), word, since)));
        }
        if (record.weight != config.weight)
            events.push_back(about(state, i, Event::Type::backend_weight, Event::Level::info,
                                   fmt::format("{} still has weight {} (configured: {}), {}",
                                               subject(state, i), record.weight, config.weight, since)));
    }
    return events;
}

Event ending(const ServiceState& state, std::size_t backend, const std::string& because) {
    return about(state, backend, Event::Type::sockets_ended, Event::Level::info,
                 subject(state, backend) + (because.empty() ? "" : ": " + because));
}

std::string describe(const TerminationReport& report) {
    if (!report.terminated && !report.repointed && !report.failed)
        return report.matched ? "no socket was left to terminate" : "no socket was open";
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
    if (life.fate == SocketFate::drain)
        return open ? "draining, " + sockets(open) + " open" : "no socket is open";
    if (!open) return "";
    if (life.fate != SocketFate::terminate) return sockets(open) + " kept";
    return sockets(open) + (life.end_cause == EndCause::suspicion_over ? " held" : " in grace");
}

std::string spared_kept(std::uint64_t open) {
    return counted(open, "spared socket") + " kept";
}

std::string because(const ServiceState& state, const DueOrder& due) {
    switch (due.cause) {
        case EndCause::verdict:
            return "";
        case EndCause::grace_over:
            return "grace is over";
        case EndCause::suspicion_over:
            return "held while the local network was suspected";
        case EndCause::drain_timeout:
            return "drain timed out";
        case EndCause::quiet:
            return "idle while draining";
        case EndCause::taken_out:
            return "taken out by the operator";
        case EndCause::commanded:
            return "terminated by the operator";
        case EndCause::removed:
            return "removed from the configuration";
        case EndCause::leaving:
            return "its source says that it is leaving";
        case EndCause::unready:
            return "its source says that it is not ready";
        case EndCause::replaced:
            return "another backend has its address now";
        case EndCause::ejected:
            return "ejected";
        case EndCause::recovered:
            return in_use(state, due.backend) + " again";
        case EndCause::denied:
            return "denied by policy " + state.backends[due.backend].denied_by;
        case EndCause::alternative:
            return "another backend is eligible";
        case EndCause::restarted:
            return "its host no longer knows them";
        case EndCause::inherited:
            return "left by a previous process";
    }
    return "";
}

Event restarted(const ServiceState& state, std::size_t backend) {
    return about(state, backend, Event::Type::backend_restarted, Event::Level::warn,
                 subject(state, backend) +
                     ": its host answered a keepalive probe with a reset: it was restarted, or its address "
                     "now belongs to another host");
}

std::vector<Event> losses(const ServiceState& before, const ServiceState& after) {
    std::vector<Event> events;
    if (after.removed) return events;
    const auto add = [&](std::string line) {
        events.push_back(about(after, Event::Type::service_degraded, Event::Level::warn, std::move(line)));
    };
    for (Family family : {Family::v4, Family::v6}) {
        const ChosenFrom now = after.family(family).from;
        if (!before.family(family).published || before.family(family).from == now) continue;
        if (now == ChosenFrom::panic)
            add(fmt::format("{}, less than panic_threshold ({} %): it is in panic mode, health is ignored",
                            eligible_of(after, family), after.service->panic_threshold));
        if (now == ChosenFrom::leaving)
            add(fmt::format("{} has no eligible {} backend: those that are leaving and still answer are used",
                            title(*after.service), to_string(family)));
        if (now == ChosenFrom::fail_open)
            add(fmt::format("{} has no eligible {} backend: the last healthy backends are used (fail_open)",
                            title(*after.service), to_string(family)));
        if (now == ChosenFrom::nothing)
            add(fmt::format(
                "{} has no eligible {} backend: connections are refused{}", title(*after.service),
                to_string(family),
                other_family_serves(after, family) ? ", the other address family is available" : ""));
    }
    return events;
}

std::vector<Event> ends_of_panic(const ServiceState& before, const ServiceState& after) {
    std::vector<Event> events;
    if (after.removed) return events;
    for (Family family : {Family::v4, Family::v6})
        if (before.family(family).from == ChosenFrom::panic &&
            after.family(family).from == ChosenFrom::eligible)
            events.push_back(
                about(after, Event::Type::service_recovered, Event::Level::info,
                      eligible_of(after, family) + ": panic mode is over, health is considered again"));
    return events;
}

Event cannot_be_checked(const Service& service, const std::set<std::string>& backends,
                        const std::string& why) {
    const std::string& first = *backends.begin();
    const std::size_t more = backends.size() - 1;
    const std::string others = more ? " and " + counted(more, "more backend") : std::string();
    return {.type = Event::Type::warning,
            .level = Event::Level::warn,
            .service = service.name,
            .backend = more ? std::string() : first,
            .protocol = service.protocol,
            .message = fmt::format("{}{} cannot be checked: {}", title(service, first), others, why)};
}

Event suspect_network(const NetworkSuspicion& suspicion) {
    return {.type = Event::Type::network_suspected,
            .level = Event::Level::error,
            .message = fmt::format(
                "no backend on another machine answers any more ({} machines or more, of {} service{}): the "
                "local network is the likely cause; no socket is terminated for it in the next {:.1f}s",
                suspicion.machines(), suspicion.services(), suspicion.services() == 1 ? "" : "s",
                std::chrono::duration<double>(suspicion.round()).count())};
}

Event network_cleared(const ServiceState& state, std::size_t backend) {
    return about(state, backend, Event::Type::network_cleared, Event::Level::info,
                 subject(state, backend) +
                     " answers: the local network works, sockets of failed backends are terminated again");
}

}  // namespace reseat::lb
