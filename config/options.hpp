// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/option.hpp"

/// The tables, each beside the readers that it needs, in a read_*.cpp.
namespace reseat::config {

/// `workload`, `admin`, `log`, `sources`, and what is beside them.
const Options<lb::Model>& instance_options();

/// All but what tells services apart, and their backends.
const Options<lb::Service>& service_options();

const Options<lb::HealthCheck>& health_check_options();

/// All but where it is. `Backend` is lb::Backend, lb::NamedBackends or lb::SourcedBackends.
template <class Backend>
const Options<Backend>& backend_options();

/// Where the backends of a source come from: keys beside those of backend_options().
const Options<lb::SourceRef>& source_options();

}  // namespace reseat::config
