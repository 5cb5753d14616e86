// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/orders/order_executor.hpp"
#include "bpf/workers/workers.hpp"

#include <memory>

namespace reseat::bpf {

/// Runs one order on `workers`: sweeps until nothing is left or no progress is made, ends TCP sockets
/// at the pace of order.spread, and goes on with the others when one is stuck. `workers` must outlive it.
Task<lb::TerminationReport> run_order(std::shared_ptr<OrderExecutor> reseater, Workers& workers,
                                      lb::ReseatOrder order, std::uint32_t backend);

}  // namespace reseat::bpf
