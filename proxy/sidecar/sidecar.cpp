// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/sidecar.hpp"

#include "base/keep_running.hpp"
#include "base/text.hpp"
#include "proxy/instance/lock_holder.hpp"
#include "proxy/reload/config_watcher.hpp"
#include "proxy/workload/workload_watch.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <system_error>

#include <sys/utsname.h>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr auto kShutdownDeadline = 3s;  ///< a termination that is under way may be stuck in the kernel

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "";
}

lb::Event stopping(lb::Event::Level level, std::string message) {
    return {.type = lb::Event::Type::stopping, .level = level, .message = std::move(message)};
}

Task<void> watch_config(Reloader& reloader) {
    std::optional<std::system_error> failure;
    try {
        ConfigWatcher watcher(reloader);
        co_await watcher.run();
    } catch (const std::system_error& caught) {
        failure = caught;
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    if (failure && state.cancelled() == asio::cancellation_type::none)
        spdlog::warn("{} is not watched: {}; use reseat reload after a change", reloader.file(),
                     failure->what());
}

}  // namespace

Result<std::unique_ptr<Sidecar>> Sidecar::start(SidecarSettings settings) {
    std::unique_ptr<Sidecar> sidecar(new Sidecar(std::move(settings)));
    if (const auto done = sidecar->attach(); !done) return done.error();
    sidecar->resolve_names();
    if (const auto done = sidecar->open_admin(); !done) return done.error();
    if (const auto done = sidecar->controller_->start(); !done) return done.error();
    sidecar->start_checks();
    sidecar->start_watching();
    return sidecar;
}

Sidecar::Sidecar(SidecarSettings settings)
    : settings_(std::move(settings)),
      info_{.instance = settings_.instance,
            .cgroup = settings_.workload.name,
            .started_at = std::chrono::system_clock::now(),
            .kernel_release = kernel_release()},
      warnings_([this](const lb::Event& warning) {  // on any thread
          asio::dispatch(loop_, [this, warning] { events_.append(warning); });
      }),
      reloader_(
          std::move(settings_.config), settings_.exec_checks,
          [this](const lb::Model& model) { return put_in_force(model); },
          [this](const lb::Model& model) { return prepare(model); }, teller()) {}

Sidecar::~Sidecar() {
    end();
}

Result<void> Sidecar::attach() {
    const lb::Model& model = reloader_.running().model;
    auto options = bpf::sized_for({}, model.services);
    options.pin = settings_.pin;
    options.refuse_mptcp = model.mptcp == lb::Mptcp::refuse;
    options.only_engine = settings_.only_engine;
    auto plane = bpf::KernelDataPlane::attach(executor(), settings_.workload.directory, options);
    if (!plane) return with_holder(plane.error(), settings_.workload.directory);
    plane_ = std::move(*plane);
    // Until reseat serves, its failure must not remove what a previous process left balancing.
    if (!plane_->inheritance().services.empty()) afterwards_ = Afterwards::as_pinned;
    return check_workload(settings_.workload);
}

void Sidecar::start_checks() {
    lb::ProbeMeans means{.prepare = plane_->exempter()};
    if (settings_.exec_checks == config::ExecChecks::allowed)
        means.prepare_session = plane_->session_exempter();
    checks_ = std::make_unique<Checks>(
        executor(), std::move(means),
        [this](auto backend, const auto& status, const auto& event) { on_check(backend, status, event); });
    checks_->follow(controller_->targets());
    controller_->on_suspect([this](lb::BackendId backend) {
        if (checks_) checks_->suspect(backend);
    });
    controller_->on_check_mode([this](lb::BackendId backend, lb::CheckMode mode) {
        if (checks_) checks_->set_mode(backend, mode);
    });
    controller_->on_targets_changed([this] {
        if (checks_) checks_->follow(controller_->targets());
    });
}

void Sidecar::start_watching() {
    restart_for_ever("kernel events", [this] {
        const auto on_raced = [this](lb::LifeId life) {
            if (controller_) controller_->on_raced_connect(life);
        };
        const auto on_failing = [this](lb::LifeId life) {
            if (controller_) controller_->on_failing_connect(life);
        };
        return plane_->watch(on_raced, on_failing, teller());
    });
    add("event loop lag", measure_lag());
    add("workload", stop_with_the_workload());
    add("reload", reload_when_told());
    if (settings_.manager.listens()) add("service manager", tell_manager());
    std::error_code ignored;
    if (settings_.watch_config && std::filesystem::is_regular_file(reloader_.file(), ignored))
        add("configuration", watch_config(reloader_));
}

Task<void> Sidecar::stop_with_the_workload() {
    const lb::Model& model = reloader_.running().model;
    const bool keep = model.on_exit == lb::OnExit::keep;
    const auto idle = model.exit_when_idle;
    const auto end = co_await workload_end(settings_.workload.directory, idle);
    if (end == WorkloadEnd::removed) {
        tell(stopping(lb::Event::Level::warn, fmt::format("the workload's cgroup {} was removed: stopping",
                                                          settings_.workload.name)));
        stop();
    } else {
        tell(stopping(lb::Event::Level::info,
                      fmt::format("the workload's cgroup {} has been empty for {}: stopping",
                                  settings_.workload.name, human(idle))));
        stop(keep ? Afterwards::as_pinned : Afterwards::detached);
    }
}

Task<void> Sidecar::reload_when_told() {
    while (true) {
        co_await reload_soon_.wait();
        co_await reload_now();
    }
}

Result<std::vector<std::string>> Sidecar::put_in_force(const lb::Model& model) {
    if (!controller_) return Error{ErrorCode::failed, "this instance is stopping"};
    auto listener = open_admin_address(model);
    if (!listener) return listener.error();
    auto changes = controller_->reload(discovery_->expand(model.services), model.policies);
    follow_names(changes ? model : reloader_.running().model);
    if (!changes) return changes;
    if (admin_address_ != wanted_admin_address(model)) {
        changes->push_back("admin: address changed");
        serve_admin_address(std::move(*listener), model);
    }
    set_up_logging(settings_.log_level.value_or(model.log_level), model.log_format);
    return changes;
}

void Sidecar::restart_for_ever(std::string name, std::function<Task<void>()> make) {
    auto task = keep_running(name, std::move(make));
    add(std::move(name), std::move(task));
}

void Sidecar::add(std::string name, Task<void> task) {
    tasks_.push_back(spawn(executor(), std::move(name), std::move(task),
                           [this](const std::string& what) { on_failure(what); }));
}

void Sidecar::tell(const lb::Event& event) {
    log(event);
    events_.append(event);
    using Type = lb::Event::Type;
    if (discovery_ && (event.type == Type::backend_down || event.type == Type::backend_ejected))
        discovery_->on_failing_backend();
}

lb::EventSink Sidecar::teller() {
    return [this](const lb::Event& event) { tell(event); };
}

void Sidecar::on_failure(const std::string& what) {
    spdlog::error("{}", what);
    failed_ = true;
    stop(Afterwards::as_pinned);
}

void Sidecar::on_check(lb::BackendId backend, const lb::CheckStatus& status,
                       const std::optional<lb::HealthEvent>& event) {
    controller_->on_check(backend, status, event);
    if (first_round_over_ || !ready()) return;
    first_round_over_ = true;
    first_round_.cancel();
    std::string message = "ready: every backend has been checked once";
    if (const auto ups = controller_->untold_first_ups())
        message += fmt::format("; {} of them are up, without a line for each", ups);
    tell({.type = lb::Event::Type::ready, .message = std::move(message)});
}

Task<void> Sidecar::first_round(Duration at_most) {
    if (ready()) co_return;
    first_round_.expires_after(at_most);
    boost::system::error_code cut_short;  // by on_check(), or because we are to end
    co_await first_round_.async_wait(asio::redirect_error(asio::use_awaitable, cut_short));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) throw boost::system::system_error(cut_short);
}

void Sidecar::stop(Afterwards afterwards) {
    stopping_ = true;
    settings_.manager.tell("STOPPING=1");
    afterwards_ = afterwards;
}

bool Sidecar::serve() {
    while (!stopping_) loop_.run_one();
    end();
    return !failed_;
}

/// What still runs in the loop refers to the objects: it ends first, then they do.
void Sidecar::end() {
    events_.close();  // followers get the last ones
    loop_.restart();
    loop_.poll();
    tasks_.clear();
    admin_address_task_.cancel();
    checks_.reset();
    loop_.restart();
    loop_.poll();
    controller_.reset();
    discovery_.reset();
    loop_.restart();
    loop_.run_for(kShutdownDeadline);
    aside_.join();
    if (plane_ && afterwards_ == Afterwards::detached) plane_->unpin();
    plane_.reset();
}

}  // namespace reseat::proxy
