// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/controller.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/fake_plane.hpp"
#include "tests/unit/lb/control/support.hpp"

namespace reseat::lb::test {

/// A controller above a fake data plane; its log is captured.
struct Bench {
    explicit Bench(std::vector<Service> services, std::vector<AccessPolicy> policies = {})
        : controller(std::make_unique<Controller>(context.get_executor(), plane, std::move(services),
                                                  std::move(policies))) {}

    void poll() {
        context.restart();
        context.poll();
    }
    void hear(std::size_t backend, const HealthEvent& event, std::size_t service = 0) {
        tell(backend, event, service);
        poll();
    }
    /// As hear(), and nothing happens yet.
    void tell(std::size_t backend, const std::optional<HealthEvent>& event, std::size_t service = 0) {
        CheckStatus checked;
        if (event) checked.result = {event->outcome, event->reason};
        controller->on_check(id(backend, service), checked, event);
    }
    /// By position in the status; those without a check have none.
    BackendId id(std::size_t backend, std::size_t service = 0) const {
        const ServiceStatus of = status(service);
        for (const CheckTarget& target : controller->targets())
            if (target.service == of.service->name && target.protocol == of.service->protocol &&
                target.endpoint == of.backends.at(backend).backend.endpoint)
                return target.id;
        return 0;
    }
    void all_up(std::size_t backends) {
        REQUIRE(controller->start().has_value());
        for (std::size_t i = 0; i < backends; ++i) hear(i, up());
    }
    /// The first life of each backend of a single service, when all are unchecked at the start.
    static LifeId first_life(std::size_t backend) { return 7 + backend; }
    ServiceStatus status(std::size_t service = 0) const { return controller->status().at(service); }

    LogCapture log;
    asio::io_context context;
    FakePlane plane{context.get_executor()};
    std::unique_ptr<Controller> controller;
};

inline TerminationReport done(unsigned terminated) {
    return {.matched = terminated, .terminated = terminated, .duration = 900us};
}

}  // namespace reseat::lb::test
