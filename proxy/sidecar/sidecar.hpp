// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/wake_up.hpp"
#include "bpf/kernel_data_plane.hpp"
#include "config/config.hpp"
#include "lb/control/controller/controller.hpp"
#include "proxy/admin/event_log.hpp"
#include "proxy/admin/server.hpp"
#include "proxy/admin/snapshot.hpp"
#include "proxy/discovery/discovery.hpp"
#include "proxy/reload/reloader.hpp"
#include "proxy/sidecar/checks.hpp"
#include "proxy/sidecar/logging.hpp"
#include "proxy/sidecar/sd_notify.hpp"
#include "proxy/workload/workload.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace reseat::proxy {

struct SidecarSettings {
    config::Loaded config;
    std::string instance;
    Workload workload;
    std::string admin_socket;               ///< empty: no admin interface
    bool admin_over_tcp = true;             ///< at admin.address, if the configuration has one
    std::string pin;                        ///< directory; empty: nothing outlives this process
    std::optional<lb::LogLevel> log_level;  ///< wins over the configuration's
    config::ExecChecks exec_checks = config::ExecChecks::refused;
    std::string state_file = {};  ///< what sources said last, for the next process; empty: it is not kept
    bool watch_config = true;     ///< reload when the file changes
    std::optional<bpf::Engine> only_engine = {};
    ServiceManager manager = {};  ///< gets the state of reseat
};

/// One running instance: owns every long-lived object, in the order in which they are made; they end in the
/// reverse order. One thread.
class Sidecar {
public:
    /// Attaches to the cgroup, programs the services and starts their checks. Blocks for some 100 ms; the
    /// rest happens in serve(). Errors: those of KernelDataPlane::attach, or the admin socket's.
    static Result<std::unique_ptr<Sidecar>> start(SidecarSettings settings);
    ~Sidecar();
    Sidecar(const Sidecar&) = delete;
    Sidecar& operator=(const Sidecar&) = delete;

    asio::any_io_executor executor() { return loop_.get_executor(); }

    /// Runs `task` beside the others until stop(); if it fails, so does serve().
    void add(std::string name, Task<void> task);

    /// Serves until stop(), then ends everything by cancellation. False when a task of reseat failed for
    /// good.
    bool serve();

    enum class Afterwards {
        detached,   ///< nothing stays
        as_pinned,  ///< what is pinned goes on balancing
    };
    void stop(Afterwards afterwards = Afterwards::detached);

    /// Writes it to the log and remembers it for the admin interface.
    void tell(const lb::Event& event);

    /// Reads the configuration again, soon.
    void reload() { reload_soon_.notify(); }

    /// Programs are attached and each backend was checked once.
    bool ready() const { return controller_->first_round_over(); }
    /// Waits until ready(), but no longer than `at_most`.
    Task<void> first_round(Duration at_most);
    /// Waits until each DNS name was answered or failed, but no longer than `at_most`; says so first.
    Task<void> names_answered(Duration at_most);
    /// The services of whose names no address is known.
    std::vector<std::string> without_backends() const;

    bool pinned() const { return plane_->pinned(); }
    const lb::Controller& controller() const { return *controller_; }
    bpf::KernelDataPlane& plane() { return *plane_; }

private:
    explicit Sidecar(SidecarSettings settings);

    Result<void> attach();
    void resolve_names();
    void follow_names(const lb::Model& model);
    void inherit_sources(const lb::Model& model);
    Task<void> keep_state_file();
    std::string advice() const;
    Result<void> open_admin();
    Result<std::shared_ptr<Listener>> open_admin_address(const lb::Model& model);
    std::optional<Endpoint> wanted_admin_address(const lb::Model& model) const;
    void serve_admin_address(std::shared_ptr<Listener> listener, const lb::Model& model);
    AdminView admin_view();
    lb::EventSink teller();
    Task<Snapshot> snapshot(bool history);
    InstanceInfo info();
    InstanceCounts counts();
    Task<void> measure_lag();
    void start_checks();
    void start_watching();
    Task<void> stop_with_the_workload();
    Task<void> reload_when_told();
    Task<ReloadReport> reload_now();
    Task<void> tell_manager();
    Task<bool> prepare(const lb::Model& model);
    Result<std::vector<std::string>> put_in_force(const lb::Model& model);
    void restart_for_ever(std::string name, std::function<Task<void>()> make);
    void on_check(lb::BackendId backend, const lb::CheckStatus& status,
                  const std::optional<lb::HealthEvent>& event);
    void on_failure(const std::string& what);
    void end();

    SidecarSettings settings_;
    InstanceInfo info_;
    asio::io_context loop_{1};
    EventLog events_{executor()};
    WarningsAsEvents warnings_;
    WakeUp reload_soon_{executor()};
    Reloader reloader_;
    std::unique_ptr<bpf::KernelDataPlane> plane_;
    std::unique_ptr<Discovery> discovery_;
    std::unique_ptr<lb::Controller> controller_;
    std::unique_ptr<Checks> checks_;
    AdminView admin_view_;
    std::optional<Endpoint> admin_address_;  ///< where we listen
    Spawned admin_address_task_;
    lb::DurationHistogram loop_lag_;
    asio::thread_pool aside_{1};  ///< puts long answers into words
    asio::steady_timer first_round_{loop_, asio::steady_timer::time_point::max()};
    std::deque<Spawned> tasks_;
    bool first_round_over_ = false;
    bool name_files_watched_ = false;
    bool manager_knows_ = false;  ///< that we are ready
    bool stopping_ = false;
    bool failed_ = false;
    Afterwards afterwards_ = Afterwards::detached;
};

}  // namespace reseat::proxy
