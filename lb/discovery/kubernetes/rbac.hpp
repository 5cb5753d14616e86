// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

#include <string>
#include <vector>

namespace reseat::lb::kubernetes {

/// The namespaces whose Services these services have as backends, each once; "": the pod's own.
std::vector<std::string> namespaces_of(const std::vector<Service>& services);

/// A Role and a RoleBinding for each of them, as YAML for kubectl: what reseat needs, and no more. Empty: it
/// needs nothing.
std::string rbac(const std::vector<Service>& services);

}  // namespace reseat::lb::kubernetes
