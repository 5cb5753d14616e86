// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/service_state.hpp"

#include <string>
#include <vector>

/// What a reload changes, for people: "postgres: backend pg-3 added".
namespace reseat::lb {

/// A line for each thing that `configured` has otherwise than what runs.
std::vector<std::string> differences(const ServiceState& running, const Service& configured);
std::vector<std::string> differences(const std::vector<AccessPolicy>& running,
                                     const std::vector<AccessPolicy>& configured);

std::string added(const Service& service);
/// `running` left the configuration.
std::string removed(const ServiceState& running);

}  // namespace reseat::lb
