// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/duration_histogram.hpp"

#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace reseat::proxy {

using Labels = std::vector<prometheus::ClientMetric::Label>;

/// One metric, and its value for each set of labels.
class MetricFamily {
public:
    static MetricFamily gauge(std::string name, std::string help) {
        return {std::move(name), std::move(help), prometheus::MetricType::Gauge};
    }
    static MetricFamily counter(std::string name, std::string help) {
        return {std::move(name), std::move(help), prometheus::MetricType::Counter};
    }
    static MetricFamily histogram(std::string name, std::string help) {
        return {std::move(name), std::move(help), prometheus::MetricType::Histogram};
    }

    void add(Labels labels, double value) {
        prometheus::ClientMetric& metric = add(std::move(labels));
        (family_.type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
    }
    void add(Labels labels, std::uint64_t value) { add(std::move(labels), static_cast<double>(value)); }
    void add(Labels labels, const lb::DurationHistogram& durations);

    prometheus::MetricFamily take() { return std::move(family_); }

private:
    MetricFamily(std::string name, std::string help, prometheus::MetricType type)
        : family_{std::move(name), std::move(help), type, {}} {}
    prometheus::ClientMetric& add(Labels labels) {
        family_.metric.emplace_back().label = std::move(labels);
        return family_.metric.back();
    }

    prometheus::MetricFamily family_;
};

using MetricFamilies = std::vector<prometheus::MetricFamily>;

}  // namespace reseat::proxy
