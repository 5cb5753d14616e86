// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"
#include "lb/health/probe.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reseat::bpf {

struct KernelOptions {
    std::uint32_t max_services = 1024;  ///< service addresses times protocols
    std::uint32_t max_backends = 8192;  ///< lives at one time
    std::uint32_t flow_drawers = 64;    ///< index memory: drawers × entries sockets, about 180 bytes each
    std::uint32_t drawer_entries = 4096;
};

/// The data path in the kernel: owns programs, maps and links; while it lives, connects from the cgroup are
/// balanced; when it is destroyed nothing of it is left (the kernel removes the links).
class KernelDataPlane final : public lb::DataPlane {
public:
    /// Loads the programs, attaches them to the cgroup2 directory `cgroup` and compares what was attached
    /// with what was meant. Blocks for some 100 ms. Sockets are ended in the network namespace of the calling
    /// thread. Errors: `unsupported` says which kernel feature, capability or mount is missing; `failed` when
    /// another instance holds this cgroup or an ancestor carries a program that would be replaced.
    static lb::Result<std::unique_ptr<KernelDataPlane>> attach(lb::asio::any_io_executor executor,
                                                               const std::string& cgroup,
                                                               const KernelOptions& options = {});
    ~KernelDataPlane() override;

    lb::LifeId first_unused_life() const override;
    lb::Result<void> publish(const lb::Plan& plan) override;
    lb::Task<lb::TerminationReport> reseat(lb::ReseatOrder order) override;
    std::uint64_t open_sockets(lb::LifeId life) const override;
    bool is_idle(lb::LifeId life) const override;
    std::uint64_t connects_total(lb::LifeId life) const override;
    /// Sockets that the index has for this life, those that it had no room for left out. Costs by its
    /// drawers.
    std::size_t indexed_sockets(lb::LifeId life) const;

    /// Marks sockets of reseat's own so that they are never translated. Must not outlive this object.
    lb::SocketPreparer exempter();

    /// Runs until cancelled: `on_raced` hears of each life that a connect reached while it was being
    /// condemned. Also resolves the ports of connected UDP sockets in the background.
    lb::Task<void> watch(std::function<void(lb::LifeId)> on_raced);

    /// Names of the termination engines in use, best first: "tuple", "diag".
    std::vector<std::string> engines() const;
    bool can_repoint() const;

    /// Connected UDP sockets that watch() has not found yet: ending them takes a dump of all. Costs by all
    /// sockets of the index: for status and tests.
    std::size_t unresolved_sockets() const;

    /// Named counters of the data path (lb_stats), for status and tests.
    std::vector<std::pair<std::string, std::uint64_t>> stats() const;

private:
    struct Impl;
    explicit KernelDataPlane(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace reseat::bpf
