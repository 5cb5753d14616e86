// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <limits>

namespace reseat::proxy {
namespace {

double seconds(std::chrono::system_clock::time_point at) {
    return std::chrono::duration<double>(at.time_since_epoch()).count();
}

void add_reloads(MetricFamilies& all, const Snapshot& snapshot) {
    auto reloads = MetricFamily::counter("reseat_config_reloads_total",
                                         "Number of attempts to reload the configuration, by result.");
    reloads.add({{"result", "ok"}}, snapshot.counts.reloads_ok);
    reloads.add({{"result", "failed"}}, snapshot.counts.reloads_failed);
    all.push_back(reloads.take());
    auto ok = MetricFamily::gauge(
        "reseat_config_last_reload_successful",
        "1 if the last reload succeeded, 0 if the previous configuration stayed in force.");
    ok.add({}, snapshot.info.last_reload.ok ? 1.0 : 0.0);
    all.push_back(ok.take());
    auto at = MetricFamily::gauge("reseat_config_last_reload_timestamp_seconds",
                                  "Time of the last attempt to reload the configuration.");
    at.add({}, seconds(snapshot.info.last_reload.at));
    all.push_back(at.take());
}

void add_data_path(MetricFamilies& all, const InstanceCounts& counts) {
    const auto add = [&](std::string_view counter, std::string name, std::string help) {
        auto family = MetricFamily::counter(std::move(name), std::move(help));
        for (const auto& [known, value] : counts.data_path)
            if (known == counter) family.add({}, value);
        all.push_back(family.take());
    };
    add("index_overflow", "reseat_index_overflow_total",
        "Number of sockets that did not fit into the socket index and take longer to terminate.");
    add("unowned", "reseat_unowned_connects_total",
        "Number of connects balanced without a record because the map was full; these sockets are not "
        "terminated.");
    add("unnoted", "reseat_unnoted_datagrams_total",
        "Number of datagrams sent to more services than a socket's record holds; the selection table decides "
        "their backend.");
    add("no_backend", "reseat_refused_connects_total",
        "Number of connects refused because no backend was eligible.");
    add("events_lost", "reseat_kernel_events_lost_total",
        "Number of kernel events dropped because the ring buffer was full; affected backends are rescanned.");
    auto unresolved = MetricFamily::gauge("reseat_unresolved_sockets",
                                          "Connected UDP sockets whose local port was unknown at the last "
                                          "scan; they take longer to terminate.");
    unresolved.add({}, counts.unresolved_sockets);
    all.push_back(unresolved.take());
}

void add_policies(MetricFamilies& all, const std::vector<lb::PolicyStatus>& policies) {
    auto denied = MetricFamily::counter("reseat_policy_denied_total",
                                        "Number of connects and sends denied by a policy.");
    auto ended = MetricFamily::counter("reseat_policy_terminated_total",
                                       "Number of open sockets terminated because of a policy.");
    for (const auto& policy : policies) {
        denied.add({{"policy", policy.name}}, policy.denied_total);
        ended.add({{"policy", policy.name}}, policy.terminated_total);
    }
    all.push_back(denied.take());
    all.push_back(ended.take());
}

}  // namespace

void MetricFamily::add(Labels labels, const lb::DurationHistogram& durations) {
    prometheus::ClientMetric::Histogram& histogram = add(std::move(labels)).histogram;
    for (std::size_t i = 0; i < durations.counts.size(); ++i) {
        histogram.sample_count += durations.counts[i];
        const bool last = i == durations.kBounds.size();
        histogram.bucket.push_back(
            {histogram.sample_count, last ? std::numeric_limits<double>::infinity() : durations.kBounds[i]});
    }
    histogram.sample_sum = durations.sum;
}

MetricFamilies instance_metrics(const Snapshot& snapshot) {
    MetricFamilies all;
    auto build = MetricFamily::gauge("reseat_build_info",
                                     "Always 1; the labels show the version, build type and kernel.");
    build.add({{"version", RESEAT_VERSION},
               {"build_type", RESEAT_BUILD_TYPE},
               {"kernel", snapshot.info.kernel_release}},
              1.0);
    all.push_back(build.take());
    auto start = MetricFamily::gauge("reseat_start_time_seconds", "Start time of this instance.");
    start.add({}, seconds(snapshot.info.started_at));
    all.push_back(start.take());
    auto ready = MetricFamily::gauge(
        "reseat_ready",
        "1 if the BPF programs are attached and every backend has been checked once, else 0.");
    ready.add({}, snapshot.ready ? 1.0 : 0.0);
    all.push_back(ready.take());
    add_reloads(all, snapshot);
    auto events = MetricFamily::counter("reseat_events_total",
                                        "Number of events, by type; GET /events lists the latest.");
    for (const auto type : enumerators<lb::EventType>()) {
        const auto found = snapshot.counts.events.find(type);
        events.add({{"type", std::string(word_of(type))}},
                   found == snapshot.counts.events.end() ? std::uint64_t{0} : found->second);
    }
    all.push_back(events.take());
    auto lag = MetricFamily::histogram("reseat_event_loop_lag_seconds",
                                       "Delay of a timer that expires every second.");
    lag.add({}, snapshot.counts.loop_lag);
    all.push_back(lag.take());
    add_data_path(all, snapshot.counts);
    add_policies(all, snapshot.policies);
    return all;
}

std::string metrics_text(const Snapshot& snapshot) {
    MetricFamilies all = instance_metrics(snapshot);
    std::ranges::move(source_metrics(snapshot), std::back_inserter(all));
    std::ranges::move(service_metrics(snapshot.services), std::back_inserter(all));
    std::ranges::move(process_metrics(), std::back_inserter(all));
    return prometheus::TextSerializer().Serialize(all);
}

}  // namespace reseat::proxy
