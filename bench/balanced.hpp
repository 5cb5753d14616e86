// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"
#include "bench/stage.hpp"
#include "bpf/kernel_data_plane.hpp"
#include "lb/control/controller/controller.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <vector>

namespace reseat::bench {

/// The data plane on a stage's workload and the controller over it, without checks: whoever measures says
/// who is up. All on the calling thread.
class Balanced {
public:
    /// Published on return. Throws std::runtime_error.
    Balanced(const Stage& stage, const std::vector<lb::Service>& services,
             const bpf::KernelOptions& options = {}, const std::vector<lb::AccessPolicy>& policies = {});
    Balanced(const Balanced&) = delete;
    Balanced& operator=(const Balanced&) = delete;
    ~Balanced();

    /// A verdict on the backend, as a checker gives it: it stopped answering, or it answers again. What
    /// follows happens in run_until().
    void verdict(std::size_t service, std::size_t backend, bool healthy);

    /// Does what there is to do now. Returns how long that took, in milliseconds.
    double settle();

    /// Throws std::runtime_error when it takes over a minute.
    template <class Condition>
    void run_until(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("waited in vain");
            loop_.run_one_for(std::chrono::milliseconds(1));
        }
    }

    std::vector<lb::ServiceStatus> status() const { return controller_->status(); }
    /// What became of the sockets of the last backend of `service` that was lost.
    lb::TerminationReport last_report(std::size_t service) const;
    const bpf::KernelDataPlane& plane() const { return *plane_; }

private:
    asio::io_context loop_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
    std::unique_ptr<bpf::KernelDataPlane> plane_;
    std::unique_ptr<lb::Controller> controller_;
    Spawned watch_;
};

}  // namespace reseat::bench
