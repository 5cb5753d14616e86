// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe.hpp"

#include <memory>

namespace reseat::lb {

class ConnectionWatch;

/// The probe that `check` asks for; null for `none`.
std::unique_ptr<Probe> make_probe(const HealthCheck& check, const ProbeTarget& target,
                                  const ProbeMeans& means);

/// As make_probe(); `watch` may want the connections of a tcp check, and must outlive the probe.
std::unique_ptr<Probe> make_watched_probe(const HealthCheck& check, const ProbeTarget& target,
                                          const ProbeMeans& means, ConnectionWatch& watch);

}  // namespace reseat::lb
