// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/metrics.hpp"

#include <map>
#include <string>
#include <utility>

namespace reseat::proxy {
namespace {

double seconds_of(std::chrono::system_clock::time_point at) {
    return std::chrono::duration<double>(at.time_since_epoch()).count();
}

void add_sources(MetricFamilies& all, const std::vector<lb::SourceRecord>& sources) {
    auto up = MetricFamily::gauge("reseat_source_up", "1 if the source can be heard, else 0.");
    auto heard =
        MetricFamily::gauge("reseat_source_last_sync_timestamp_seconds", "When the source was last heard.");
    auto events = MetricFamily::counter("reseat_source_events_total", "What the source said, by type.");
    auto relists = MetricFamily::counter("reseat_source_relists_total", "Whole lists asked for, by reason.");
    auto errors =
        MetricFamily::counter("reseat_source_errors_total", "Failures to hear the source, by reason.");
    for (const lb::SourceRecord& one : sources) {
        const Labels labels{{"source", one.name()}};
        const auto with = [&](const char* name, std::string value) {
            Labels more = labels;
            more.push_back({name, std::move(value)});
            return more;
        };
        up.add(labels, one.state() == lb::SourceRecord::State::synced ? 1.0 : 0.0);
        heard.add(labels, seconds_of(one.heard_at()));
        for (const auto& [type, count] : one.events()) events.add(with("type", type), count);
        for (const auto& [reason, count] : one.relists()) relists.add(with("reason", reason), count);
        for (const auto& [fault, count] : one.faults())
            errors.add(with("reason", std::string(word_of(fault))), count);
    }
    for (auto* family : {&up, &heard, &events, &relists, &errors}) all.push_back(family->take());
}

void add_endpoints(MetricFamilies& all, const std::vector<lb::SourceView>& views) {
    auto endpoints =
        MetricFamily::gauge("reseat_endpoints", "Endpoints that sources name, by what they say of them.");
    auto left_out = MetricFamily::gauge("reseat_endpoints_left_out",
                                        "Endpoints that sources name and that cannot be used.");
    auto disagreements = MetricFamily::gauge(
        "reseat_source_disagreements",
        "Endpoints that their source has called ready for 5 min, and that fail their checks.");
    struct Sum {
        std::size_t ready = 0, leaving = 0, unready = 0, held = 0, left_out = 0, disagreements = 0;
    };
    std::map<std::pair<std::string, Protocol>, Sum> sums;
    for (const lb::SourceView& view : views) {
        Sum& sum = sums[{view.service, view.protocol}];
        sum.ready += view.count(lb::Standing::ready);
        sum.leaving += view.count(lb::Standing::leaving);
        sum.unready += view.count(lb::Standing::unready);
        sum.held += view.held();
        sum.left_out += view.said.left_out;
        sum.disagreements += view.disagreements;
    }
    for (const auto& [key, sum] : sums) {
        const Labels labels{{"service", key.first}, {"protocol", std::string(to_string(key.second))}};
        const auto add = [&](const char* standing, std::size_t count) {
            Labels more = labels;
            more.push_back({"standing", standing});
            endpoints.add(std::move(more), static_cast<std::uint64_t>(count));
        };
        add("ready", sum.ready);
        add("leaving", sum.leaving);
        add("unready", sum.unready);
        add("held", sum.held);
        left_out.add(labels, static_cast<std::uint64_t>(sum.left_out));
        disagreements.add(labels, static_cast<std::uint64_t>(sum.disagreements));
    }
    for (auto* family : {&endpoints, &left_out, &disagreements}) all.push_back(family->take());
}

}  // namespace

MetricFamilies source_metrics(const Snapshot& snapshot) {
    MetricFamilies all;
    if (snapshot.sources.empty()) return all;
    add_sources(all, snapshot.sources);
    add_endpoints(all, snapshot.source_views);
    return all;
}

}  // namespace reseat::proxy
