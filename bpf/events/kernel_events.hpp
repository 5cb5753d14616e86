// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/events/failing_lives.hpp"
#include "bpf/events/hang_ups.hpp"
#include "bpf/events/index_growth.hpp"
#include "bpf/maps/policy_table.hpp"
#include "bpf/maps/programs.hpp"

#include <functional>

namespace reseat::bpf {

/// Reads the events of the programs (lb_events) until cancelled: `on_raced` gets lives that a connect reached
/// while they were being condemned or drained, `failing` of those that connects to them fail, `hang_ups` of
/// those that close connections, `growth` that the index gets full; `tell` of denials. The others must
/// outlive it.
Task<void> hear_events(asio::any_io_executor executor, const Programs& programs, PolicyTable& policies,
                       std::function<void(lb::LifeId)> on_raced, FailingLives& failing, HangUps& hang_ups,
                       IndexGrowth& growth, lb::EventSink tell);

}  // namespace reseat::bpf
