// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/stage.hpp"

namespace reseat::bench {

/// The whole of reseat, as `reseat run` has it but for the admin socket, in a process of its own on the
/// stage's workload. Each backend was checked once on return. Throws std::runtime_error.
Process start_sidecar(const Stage& stage, const std::vector<lb::Service>& services);

}  // namespace reseat::bench
