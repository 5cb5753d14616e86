// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/kernel_data_plane.hpp"
#include "tests/support/sandbox.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace reseat::test {

namespace asio = boost::asio;

/// A service of these backends under one address; round robin, connected UDP is re-pointed.
lb::Service service(const Where& address, const std::vector<Endpoint>& backends,
                    Protocol protocol = Protocol::tcp);

/// The data plane on a sandbox's cgroup, with as much of a controller as a test needs: each backend of each
/// service starts with a life and a place in its family's table, in the order given; those that were
/// inherited are known by service name, protocol and address. Everything runs on the
/// calling thread and only while one of these calls runs.
class TestPlane {
public:
    /// Attached and published on return. Throws std::runtime_error with the data plane's message.
    TestPlane(const Sandbox& box, const std::vector<lb::Service>& services,
              const bpf::KernelOptions& options = {});
    TestPlane(const TestPlane&) = delete;
    TestPlane& operator=(const TestPlane&) = delete;
    ~TestPlane();

    bpf::KernelDataPlane& kernel() { return *kernel_; }

    /// The running life of this backend in the service of this name; 0: it has none.
    lb::LifeId life(const std::string& service, const Endpoint& backend) const;

    /// Ends the lives of this backend in all services, the tables first, then its sockets; the sum of what
    /// became of them.
    lb::TerminationReport condemn(const Endpoint& backend);
    lb::TerminationReport condemn(const BackendHost& host);  ///< both its addresses
    /// The first half of condemn(): nothing is done to sockets that are open. Returns the lives that ended.
    std::vector<lb::LifeId> take_out(const Endpoint& backend);
    /// The second half, once for one life, as the service's `connections` say.
    lb::TerminationReport reseat(lb::LifeId life);
    /// A new life, and its place in the tables, for a backend that was condemned.
    void bring_back(const Endpoint& backend);

    lb::ServiceId service_id(const std::string& service) const;  ///< throws std::runtime_error
    lb::LifeId next_life() { return next_life_++; }
    lb::ServiceId next_service() { return next_service_++; }

    /// Any other plan. Throws std::runtime_error with the data plane's message.
    void publish(const lb::Plan& plan);

    /// Runs `task` to its end; throws what it throws, and std::runtime_error when it takes over 30 s.
    template <class T>
    T run(Task<T> task) {
        auto result = asio::co_spawn(io_, std::move(task), asio::use_future);
        const auto done = [&] {
            return result.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
        };
        if (!pump_until(done, std::chrono::seconds(30))) throw std::runtime_error("a task does not end");
        return result.get();
    }

    /// wait_until() with the data plane's background work going on meanwhile.
    template <class Condition>
    bool pump_until(Condition condition, std::chrono::milliseconds within = std::chrono::seconds(10)) {
        const auto deadline = std::chrono::steady_clock::now() + within;
        while (!condition()) {
            if (std::chrono::steady_clock::now() >= deadline) return condition();
            io_.run_one_for(std::chrono::milliseconds(1));
        }
        return true;
    }

    /// Lives that a connect reached while they were being condemned, as watch() told.
    const std::vector<lb::LifeId>& raced() const { return raced_; }
    /// Lives to which connects failed, once for each time that watch() told.
    const std::vector<lb::LifeId>& failing() const { return failing_; }

private:
    struct Life {
        lb::LifeId id = 0;
        Endpoint backend;
        bool running = true;
    };
    struct Entry {
        lb::ServiceSpec spec;
        lb::Connections connections;
        std::vector<Life> lives;
    };

    void add_tables(lb::Plan& plan, const Entry& entry) const;
    void add_service(lb::Plan& plan, const lb::Service& from, const lb::Inheritance& inherited);

    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::unique_ptr<bpf::KernelDataPlane> kernel_;
    Spawned watch_;
    std::vector<Entry> entries_;
    std::vector<lb::LifeId> raced_, failing_;
    lb::LifeId next_life_ = 0;
    lb::ServiceId next_service_ = 0;
};

}  // namespace reseat::test
