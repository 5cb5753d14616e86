// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace reseat::config {

/// " ; did you mean 'x'?" for the one of `valid` that `word` is most likely meant to be: what another
/// load balancer calls the same thing, another spelling (healthCheck, on-drain, TCP), or a slip of at
/// most a third of its letters (optimal string alignment distance). Otherwise the list of what is valid.
std::string suggestion(std::string_view word, std::span<const std::string_view> valid);

}  // namespace reseat::config
