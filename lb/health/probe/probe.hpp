// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"
#include "lb/model.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

namespace reseat {
class Semaphore;
}

namespace reseat::lb {

/// What a probe learnt. The fate of open sockets depends on which failure it was.
enum class ProbeOutcome {
    passed,
    no_answer,       ///< silence at connect, no route: the host is gone or cut off, clients would hang
    refused,         ///< RST or ICMP port unreachable: the host lives, no process listens
    answered_badly,  ///< it answers, but not as it should (status, expect, close before the answer)
    unresponsive,    ///< it takes the check and does not answer: its host lives, its process hangs
    not_probed,      ///< our own fault (no descriptor, no memory): says nothing about the backend
};

inline constexpr std::size_t kProbeOutcomes = 6;

struct ProbeResult {
    ProbeOutcome outcome = ProbeOutcome::passed;
    std::string detail;  ///< for people: "connected", "no answer within 1s", "HTTP 503, expected 200-399"
    Duration latency{};
    bool timed_out = false;  ///< its time was up, whatever had come until then
};

/// "passed", "timeout", "refused", "bad_answer", "unresponsive", "not_probed": as /status and the metrics
/// name it.
std::string_view to_string(ProbeOutcome outcome);

/// Called with the descriptor of every socket that reseat opens, before it connects: exempts it from
/// balancing (reseat may itself live in the balanced cgroup).
using SocketPreparer = std::function<void(int descriptor)>;

/// Does the same for the sockets of a command that is about to run: called in its process, a child of reseat
/// that leads a session, between fork and exec, so it may only make system calls. Ends with the session.
struct SessionPreparer {
    std::function<void(pid_t session)> begin;
    std::function<void(pid_t session)> end;  ///< called in our process
};

/// What to probe.
struct ProbeTarget {
    Endpoint endpoint;    ///< checked_endpoint()
    std::string service;  ///< names, for exec checks
    std::string backend;
    std::string dns_name;                     ///< as in Backend
    std::string server_name = {}, host = {};  ///< as in BackendCheck
    std::optional<Endpoint> serves = {};      ///< where the backend serves: used to detect a silent host

    bool operator==(const ProbeTarget&) const = default;
};

ProbeTarget probe_target(const Service& service, const Backend& backend);

/// What all probes of this process share. Each may be left out.
struct ProbeMeans {
    SocketPreparer prepare;
    SessionPreparer prepare_session;
    std::shared_ptr<Semaphore> commands;  ///< how many commands of exec checks may run at once
    std::shared_ptr<Semaphore> probes;    ///< how many other probes may be under way at once
};

/// One way to check whether one backend is healthy.
class Probe {
public:
    virtual ~Probe() = default;

    /// Asks once, when it is its turn. Never throws for a sick peer, takes at most `timeout` from then on,
    /// reads at most 256 KiB. Throws operation_aborted when cancelled. The probe must outlive the call.
    virtual Task<ProbeResult> once(Duration timeout) = 0;
};

/// The probe that `check` asks for; null for `none`.
std::unique_ptr<Probe> make_probe(const HealthCheck& check, const ProbeTarget& target,
                                  const ProbeMeans& means);

}  // namespace reseat::lb
