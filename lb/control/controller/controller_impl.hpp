// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/control_state.hpp"
#include "lb/control/controller/controller.hpp"
#include "lb/control/controller/health_inbox.hpp"
#include "lb/control/controller/outliers.hpp"
#include "lb/control/controller/publisher.hpp"
#include "lb/control/controller/socket_orders.hpp"
#include "lb/control/plan/reconfigure.hpp"
#include "lb/control/run/decision_loop.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::lb {

inline constexpr Duration kHousekeeping = std::chrono::seconds(1);

struct ServiceDecision {
    ServiceId service = 0;
    Decision decision;
};

/// Services that become others, not yet published.
struct Draft {
    std::vector<AccessPolicy> policies;
    struct Change {
        TrackedService* running = nullptr;  ///< null: a service that is added
        std::shared_ptr<const Service> configured;
        Reconfigured reconfigured;
    };
    std::vector<Change> changes;
    std::vector<std::string> lines;
    std::vector<TrackedService*> order;  ///< for people; null: one that is added
};

/// Composes health, outliers, orders and the publisher: what they heard becomes one plan in each turn of the
/// loop. A file each for the beginning, the turns of the loop, what follows a published plan, reload, and
/// what people ask and command.
struct Controller::Impl {
    Impl(asio::any_io_executor with, DataPlane& to, EventSink sink, std::vector<Service> services,
         std::vector<AccessPolicy> policies);

    // start.cpp
    Result<void> start();
    void begin_service(ServiceState service, std::shared_ptr<const Service> configured);

    // turn.cpp
    TimePoint next_due() const;
    void turn(TimePoint now);
    void keep_house(TimePoint now);
    Result<void> decide(TimePoint now);

    // commit.cpp
    void commit(std::vector<ServiceDecision>& decisions, const Plan& plan, TimePoint now);
    void tell_check_modes(TrackedService& service);
    void forget_gone(TrackedService& service);
    void announce(bool carried_out);

    // reload.cpp
    Result<std::vector<std::string>> reload(std::vector<Service> services, std::vector<AccessPolicy> with);
    Draft draft_all(std::vector<Service>& services, std::vector<AccessPolicy> with);
    void draft_service(Draft& draft, TrackedService* running, Service service);
    void draft_policies(Draft& draft, TrackedService& running);
    Result<void> apply(Draft& draft, TimePoint now);
    void install(Draft& draft, Draft::Change& change);
    void undo(const Draft& draft, const Plan& plan);

    // operator.cpp
    std::vector<Place> places(std::string_view service, std::optional<std::string_view> backend);
    Error unknown(std::string_view service, std::optional<std::string_view> backend);

    ControlState state;
    std::vector<Service> first_services;  ///< until start()
    std::vector<AccessPolicy> policies;
    BackendId next_backend = 1;
    TimePoint housekeeping_at{};
    std::function<void()> on_targets_changed;
    std::function<void(BackendId, CheckMode)> on_check_mode;
    bool targets_changed = false;

    Outliers outliers;
    HealthInbox health;
    SocketOrders orders;
    Publisher publisher;
    DecisionLoop loop;
};

}  // namespace reseat::lb
