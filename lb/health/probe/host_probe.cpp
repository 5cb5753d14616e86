// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/host_probe.hpp"

#include "base/race.hpp"
#include "lb/health/probe/probes.hpp"

#include <utility>

namespace reseat::lb {
namespace {

/// Of a command that did not end in time nothing is known but that.
bool is_silent(CheckType type, const ProbeResult& result) {
    return result.outcome == ProbeOutcome::no_answer ||
           (type == CheckType::exec && result.outcome == ProbeOutcome::unresponsive);
}

bool speaks_for_host(const HealthCheck& check, const Endpoint& checked, const Endpoint& serves) {
    return checked == serves && check.type != CheckType::exec && check.type != CheckType::udp;
}

Task<void> knock(Probe& host, Duration timeout, std::optional<ProbeResult>& result) {
    result = co_await host.once(timeout);
    co_await sleep_for_ever();
}

}  // namespace

void judge_silence(CheckType type, ProbeResult& check, const std::optional<ProbeResult>& host) {
    if (!is_silent(type, check)) return;
    const ProbeOutcome heard = host ? host->outcome : ProbeOutcome::no_answer;
    if (heard == ProbeOutcome::not_probed) return;
    const bool lives = heard != ProbeOutcome::no_answer;
    check.outcome = lives ? ProbeOutcome::unresponsive : ProbeOutcome::no_answer;
    if (lives) check.detail += ", but its host answers";
}

HostProbe::HostProbe(std::unique_ptr<Probe> probe, const Endpoint& serves, const HealthCheck& check,
                     const ProbeTarget& target, const ProbeMeans& means)
    : check_(std::move(probe)),
      type_(check.type),
      witness_(target.endpoint, means.prepare),
      one_decides_(check.unhealthy_threshold == 1) {
    if (!speaks_for_host(check, target.endpoint, serves)) host_ = tcp_probe({}, {serves, means.prepare, {}});
}

Task<ProbeResult> HostProbe::once(Duration timeout) {
    ProbeResult result;
    if (host_)
        result = co_await ask_both(timeout);
    else
        result = co_await ask_with_witness(timeout);
    if (result.outcome != ProbeOutcome::not_probed)
        in_doubt_ = one_decides_ || result.outcome != ProbeOutcome::passed;
    co_return result;
}

/// At the same time, so that no verdict is later for it.
Task<ProbeResult> HostProbe::ask_both(Duration timeout) {
    std::optional<ProbeResult> host, result;
    if (in_doubt_)
        result = co_await unless(knock(*host_, timeout, host), check_->once(timeout));
    else
        result = co_await check_->once(timeout);
    // What is silent at once, for want of a route to where it asks, leaves the host no time to answer.
    if (in_doubt_ && !host && is_silent(type_, *result) && result->latency < timeout) {
        auto late = host_->once(timeout - result->latency);
        host = co_await std::move(late);
    }
    judge_silence(type_, *result, host);
    co_return std::move(*result);
}

Task<ProbeResult> HostProbe::ask_with_witness(Duration timeout) {
    ProbeResult result = co_await check_->once(timeout);
    if (result.outcome == ProbeOutcome::unresponsive) {
        witness_.call();
    } else if (result.outcome == ProbeOutcome::no_answer && witness_.host_lives()) {
        result.outcome = ProbeOutcome::unresponsive;
        result.detail += ", but its host keeps an earlier connection alive";
    } else if (result.outcome != ProbeOutcome::not_probed) {
        witness_.dismiss();
    }
    co_return result;
}

}  // namespace reseat::lb
