// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/transition.hpp"
#include "proxy/admin/metrics.hpp"

#include <array>
#include <map>
#include <set>
#include <string_view>

namespace reseat::proxy {
namespace {

using Kind = lb::Transition::Kind;

constexpr std::array<std::pair<Kind, const char*>, 7> kTransitions = {{{Kind::up, "up"},
                                                                       {Kind::down, "down"},
                                                                       {Kind::ejected, "ejected"},
                                                                       {Kind::readmitted, "readmitted"},
                                                                       {Kind::ready, "ready"},
                                                                       {Kind::drain, "drain"},
                                                                       {Kind::maint, "maint"}}};

/// `labels` and one more.
Labels with(Labels labels, const char* name, std::string_view value) {
    labels.push_back({name, std::string(value)});
    return labels;
}

/// A name that has both protocols needs them to tell the two apart.
std::vector<Labels> labels_of(const std::vector<lb::ServiceStatus>& services) {
    std::map<std::string_view, int> times;
    for (const auto& status : services) ++times[status.service->name];
    std::vector<Labels> all;
    for (const auto& status : services) {
        Labels labels{{"service", status.service->name}};
        if (times[status.service->name] > 1)
            labels = with(std::move(labels), "protocol", to_string(status.service->protocol));
        all.push_back(std::move(labels));
    }
    return all;
}

/// Metrics of whole services.
struct ServiceFamilies {
    MetricFamily backends = MetricFamily::gauge("reseat_backends", "Number of backends of the service.");
    MetricFamily eligible =
        MetricFamily::gauge("reseat_eligible_backends", "Number of backends that may get new connections.");
    MetricFamily panic = MetricFamily::gauge("reseat_service_panic",
                                             "1 if health is ignored because too few backends are eligible "
                                             "(panic_threshold or fail_open), else 0.");
    MetricFamily waiting = MetricFamily::gauge(
        "reseat_waiting_sockets",
        "Sockets not terminated because no other backend is eligible (only_if_alternative).");
    MetricFamily stuck =
        MetricFamily::gauge("reseat_stuck_sockets", "Sockets that could not be terminated; retried.");
    MetricFamily untracked = MetricFamily::gauge("reseat_untracked_sockets",
                                                 "Sockets older than reseat that could not be terminated.");
    MetricFamily checks =
        MetricFamily::histogram("reseat_health_check_duration_seconds", "Duration of health checks.");
    MetricFamily failovers = MetricFamily::histogram(
        "reseat_failover_duration_seconds",
        "Time from the order to terminate or re-point the sockets of a backend until the last one was done.");

    void add(const lb::ServiceStatus& status, const Labels& labels) {
        backends.add(labels, std::uint64_t{status.backends.size()});
        eligible.add(labels, std::uint64_t{status.eligible});
        panic.add(labels, status.panic ? 1.0 : 0.0);
        waiting.add(labels, status.waiting);
        stuck.add(labels, status.stuck);
        untracked.add(labels, status.untracked);
        checks.add(labels, status.checks);
        failovers.add(labels, status.failovers);
    }
    void take(MetricFamilies& into) {
        for (auto* family : {&backends, &eligible, &panic, &waiting, &stuck, &untracked, &checks, &failovers})
            into.push_back(family->take());
    }
};

/// Of thousands of backends most things never happen: such a series begins with its first count. Those that
/// alerts watch are there from the start, or their first count would be no increase.
void add_if_it_happens(MetricFamily& family, const Labels& labels, const char* name, std::string_view word,
                       std::uint64_t count, bool is_watched) {
    if (count > 0 || is_watched) family.add(with(labels, name, word), count);
}

/// Metrics of single backends.
struct BackendFamilies {
    MetricFamily up =
        MetricFamily::gauge("reseat_backend_up", "1 if the state of the backend is up, else 0.");
    MetricFamily weight =
        MetricFamily::gauge("reseat_backend_effective_weight",
                            "Current weight of the backend; with 0 it gets no new connections.");
    MetricFamily open =
        MetricFamily::gauge("reseat_backend_open_sockets", "Open sockets balanced to the backend.");
    MetricFamily checks =
        MetricFamily::counter("reseat_health_checks_total", "Number of health checks, by result.");
    MetricFamily connects =
        MetricFamily::counter("reseat_connects_total", "Number of connects balanced to the backend.");
    MetricFamily failures = MetricFamily::counter(
        "reseat_connect_failures_total", "Number of connects of the workload to the backend that failed.");
    MetricFamily resets = MetricFamily::counter(
        "reseat_early_resets_total",
        "Number of connections to the backend that were reset before the first byte of an answer.");
    MetricFamily unanswered = MetricFamily::counter("reseat_unanswered_connections_total",
                                                    "Number of connections that the backend closed after a "
                                                    "request without sending any byte of an answer.");
    MetricFamily transitions = MetricFamily::counter("reseat_backend_transitions_total",
                                                     "Number of state changes of the backend, by new state.");
    MetricFamily terminated =
        MetricFamily::counter("reseat_sockets_terminated_total", "Number of sockets terminated, by reason.");
    MetricFamily repointed = MetricFamily::counter(
        "reseat_sockets_repointed_total", "Number of connected UDP sockets re-pointed to another backend.");
    MetricFamily failed =
        MetricFamily::counter("reseat_terminations_failed_total",
                              "Number of failed attempts to terminate a socket; each is retried.");

    void add(const lb::BackendStatus& status, std::uint64_t open_sockets, const Labels& labels) {
        up.add(labels, status.state == lb::BackendState::up ? 1.0 : 0.0);
        weight.add(labels, status.effective_weight);
        open.add(labels, open_sockets);
        for (std::size_t i = 0; i < status.checks_total.size(); ++i) {
            const auto outcome = static_cast<lb::ProbeOutcome>(i);
            const bool is_watched =
                outcome == lb::ProbeOutcome::passed || outcome == lb::ProbeOutcome::no_answer;
            add_if_it_happens(checks, labels, "result", to_string(outcome), status.checks_total[i],
                              is_watched);
        }
        connects.add(labels, status.connects_total);
        failures.add(labels, status.connect_failures_total);
        resets.add(labels, status.early_resets_total);
        unanswered.add(labels, status.unanswered_total);
        for (const auto& [kind, word] : kTransitions)
            add_if_it_happens(transitions, labels, "to", word,
                              status.counters.transitions[static_cast<std::size_t>(kind)],
                              kind == Kind::up || kind == Kind::down);
        for (std::size_t i = 0; i < status.counters.terminated.size(); ++i) {
            const auto reason = static_cast<lb::EndReason>(i);
            add_if_it_happens(terminated, labels, "reason", to_string(reason), status.counters.terminated[i],
                              reason == lb::EndReason::unreachable);
        }
        repointed.add(labels, status.counters.repointed);
        failed.add(labels, status.counters.failed);
    }
    void take(MetricFamilies& into) {
        for (auto* family : {&up, &weight, &open, &checks, &connects, &failures, &resets, &unanswered,
                             &transitions, &terminated, &repointed, &failed})
            into.push_back(family->take());
    }
};

/// One that is being removed may have left its name to another, which comes before it: the other counts, but
/// open are the sockets of both.
void add_backends(BackendFamilies& families, const lb::ServiceStatus& status, const Labels& labels) {
    std::map<std::string_view, std::uint64_t> open;
    for (const auto& backend : status.backends) open[backend.backend.name] += backend.open_sockets;
    std::set<std::string_view> told;
    for (const auto& backend : status.backends) {
        const std::string& name = backend.backend.name;
        if (told.insert(name).second) families.add(backend, open[name], with(labels, "backend", name));
    }
}

}  // namespace

MetricFamilies service_metrics(const std::vector<lb::ServiceStatus>& services) {
    ServiceFamilies whole;
    BackendFamilies single;
    const auto labels = labels_of(services);
    for (std::size_t i = 0; i < services.size(); ++i) {
        whole.add(services[i], labels[i]);
        add_backends(single, services[i], labels[i]);
    }
    MetricFamilies all;
    whole.take(all);
    single.take(all);
    return all;
}

}  // namespace reseat::proxy
