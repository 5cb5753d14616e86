// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/event.hpp"
#include "lb/control/report/status.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::lb {

/// The only writer of the data plane: hears of health, of the operator and of new configurations, decides
/// with the pure parts (plan.hpp), publishes, then has sockets ended. Events that arrive in one turn of the
/// loop become one plan. Publishing never waits for sockets being ended.
class Controller {
public:
    /// `tell` gets the events.
    Controller(asio::any_io_executor executor, DataPlane& plane, std::vector<Service> services,
               std::vector<AccessPolicy> policies = {}, EventSink tell = log_event);
    ~Controller();

    /// Programs all services, on top of what the data plane inherited. Call once, before anything else.
    Result<void> start();

    /// All or nothing: on error what ran before goes on. State is kept by (service name, protocol) and the
    /// backend's address. Returns a line for each change, for people: "postgres: backend pg-3 added"; none:
    /// nothing changed. The caller reports it. Does not wait for sockets being ended.
    Result<std::vector<std::string>> reload(std::vector<Service> services,
                                            std::vector<AccessPolicy> policies);

    /// The same with the policies that are, for backends that DNS names brought: says nothing about them
    /// itself.
    Result<void> change_backends(std::vector<Service> services);

    /// The backends to be checked now: also those that are being removed and still have sockets.
    std::vector<CheckTarget> targets() const;
    /// Called when targets() has changed, from a turn of the loop, never from within a call to the
    /// controller.
    void on_targets_changed(std::function<void()> changed);
    /// An id that is not known any more is ignored.
    void on_check(BackendId backend, const CheckStatus& status, const std::optional<HealthEvent>& event);

    /// For each protocol of this service. Error `usage`: no such service or backend, and which may be meant.
    Result<void> set_operator_state(std::string_view service, std::string_view backend, OperatorState state);
    /// Until the configuration gives it another one; 0: no new connections. Error: as above.
    Result<void> set_weight(std::string_view service, std::string_view backend, unsigned weight);
    /// Ends the sockets now; the backend stays in use. Ends when they are gone, or after 10 s. Errors: as
    /// above, or `failed` when the data path cannot be changed.
    Task<Result<TerminationReport>> terminate(std::string service, std::optional<std::string> backend);
    /// Whether there is such a service, with such a backend. Error `usage`: as above.
    Result<void> known(const std::string& service, const std::optional<std::string>& backend) const;
    /// Whether there is such a service, with or without backends. Error `usage`: as above.
    Result<void> known_service(std::string_view service) const;
    /// Open sockets, of all services or one, of all its backends or one. Error `usage`: as above.
    Task<Result<ListedSockets>> sockets(std::optional<std::string> service,
                                        std::optional<std::string> backend);

    /// The backends of this service whose checks pass, and that are not ejected; none where there is no
    /// check.
    std::set<Endpoint> passing(std::string_view service, Protocol protocol) const;

    /// The backends of this service that are down or ejected.
    std::set<Endpoint> failing(std::string_view service, Protocol protocol) const;

    /// True once each backend that was there at the start and has a health check was checked once.
    bool first_round_over() const;
    /// Of very many backends at the start: how many were found up and were not reported one by one.
    std::size_t untold_first_ups() const;
    std::vector<ServiceStatus> status() const;
    /// In the order of the configuration, so that they can be read one by one. Empty: it no longer exists.
    std::vector<ServiceId> services() const;
    std::optional<ServiceStatus> status(ServiceId service, bool history) const;
    std::vector<PolicyStatus> policies() const;

    /// Asynchronous: sockets that connected to `life` while it was being condemned or drained.
    void on_raced_connect(LifeId life);
    /// A connect to `life` failed (DataPlane::connect_outcomes has the details) or has to wait for long, or
    /// the peer closed a connection that was open.
    void on_failing_connect(LifeId life);
    /// Called with each backend that is to be probed at once, as a connect to it failed.
    void on_suspect(std::function<void(BackendId)> suspected);
    /// Called with each backend that is to be checked in another way than before.
    void on_check_mode(std::function<void(BackendId, CheckMode)> changed);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace reseat::lb
