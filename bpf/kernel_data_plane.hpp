// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/options.hpp"
#include "lb/control/data_plane.hpp"
#include "lb/control/report/event.hpp"
#include "lb/health/probe/probe.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::bpf {

/// The data path in the kernel: owns programs, maps and links; while it lives, connects from the cgroup are
/// balanced; when it is destroyed nothing of it is left (the kernel removes the links).
class KernelDataPlane final : public lb::DataPlane {
public:
    /// Loads the programs, attaches them to the cgroup2 directory `cgroup` and compares what was attached
    /// with what was meant. Blocks for some 100 ms. Sockets are ended in the network namespace of the calling
    /// thread and, where we may enter them, in those of the workload's processes. Errors: `unsupported` says
    /// which kernel feature, capability or mount is missing; `failed` when another instance holds this cgroup
    /// or an ancestor has a program that would be replaced.
    static Result<std::unique_ptr<KernelDataPlane>> attach(asio::any_io_executor executor,
                                                           const std::string& cgroup,
                                                           const KernelOptions& options = {});
    /// Detaches, unless it is pinned: then all of it goes on, for the next process to adopt.
    ~KernelDataPlane() override;

    bool pinned() const;
    /// The cgroup that it is attached to was removed.
    bool cgroup_is_gone() const;
    /// Removes the pins, so that nothing outlives this object.
    void unpin();
    /// Removes what a process that is gone left pinned in `directory`; false: nothing was there. Error: a
    /// process that lives holds it.
    static Result<bool> remove_pinned(const std::string& directory);

    lb::LifeId first_unused_life() const override;
    lb::Inheritance inheritance() const override;
    Result<void> publish(const lb::Plan& plan) override;
    Task<lb::TerminationReport> reseat(lb::ReseatOrder order) override;
    std::uint64_t open_sockets(lb::LifeId life) const override;
    bool is_idle(lb::LifeId life) const override;
    std::uint64_t connects_total(lb::LifeId life) const override;
    lb::ConnectOutcomes connect_outcomes(lb::LifeId life) const override;
    void forgive(lb::LifeId life) override;
    Task<std::deque<lb::SocketInfo>> sockets(std::vector<lb::LifeId> lives) override;
    Task<lb::TerminationReport> end_untracked(lb::UntrackedOrder order) override;
    Result<void> set_policies(const std::vector<lb::AccessPolicy>& policies) override;
    Task<std::vector<std::pair<std::string, lb::TerminationReport>>> enforce_policies() override;
    std::vector<std::pair<std::string, std::uint64_t>> policy_denials() const override;
    /// Sockets that the index has for this life, those that it had no room for left out. For tests.
    std::size_t indexed_sockets(lb::LifeId life) const;
    /// Sockets that the index has room for now.
    std::size_t index_room() const;

    /// Marks sockets of reseat's own so that they are never translated. Must not outlive this object.
    lb::SocketPreparer exempter();
    /// The same for the sockets of commands that reseat runs. Where that is impossible: does nothing, which
    /// the log tells. Must not outlive this object; call once.
    lb::SessionPreparer session_exempter();

    /// Runs until cancelled: `on_raced` hears of each life that a connect reached while it was being
    /// condemned, `on_failing` of each life to which a connect failed, as connect_outcomes() says, or has to
    /// wait, `tell` of what policies deny. Also resolves the ports of connected UDP sockets in the
    /// background.
    using OnLife = std::function<void(lb::LifeId)>;
    Task<void> watch(OnLife on_raced, OnLife on_failing, lb::EventSink tell = lb::log_event);

    /// Names of the termination engines in use, best first: "tuple", "diag", "iterator", "descriptor".
    std::vector<std::string> engines() const;
    /// Connected UDP sockets of every process can be moved; else some or all of them are ended instead.
    bool can_repoint() const;

    /// Connected UDP sockets that watch() has not found yet: ending them takes a dump of all. Costs by all
    /// sockets of the index: for tests.
    std::size_t unresolved_sockets() const;
    /// As many as there were when watch() last looked, at most half a minute ago.
    std::size_t unresolved_lately() const;

    /// Named counters of the data path (lb_stats), for status and tests.
    std::vector<std::pair<std::string, std::uint64_t>> stats() const;

private:
    struct Impl;
    explicit KernelDataPlane(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace reseat::bpf
