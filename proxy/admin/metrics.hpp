// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/admin/metric_family.hpp"
#include "proxy/admin/snapshot.hpp"

#include <string>

namespace reseat::proxy {

/// The body of `GET /metrics`, in the text format of Prometheus. Also reads what /proc says of this process.
/// Some milliseconds for 1,000 backends: not on the loop.
std::string metrics_text(const Snapshot& snapshot);

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// Its parts.
MetricFamilies instance_metrics(const Snapshot& snapshot);
/// Of sources of backends; none where there is no source.
MetricFamilies source_metrics(const Snapshot& snapshot);
MetricFamilies service_metrics(const std::vector<lb::ServiceStatus>& services);
MetricFamilies process_metrics();

}  // namespace reseat::proxy
