// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <sys/stat.h>
#include <sys/utsname.h>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr auto kRestartPause = 1s;
constexpr auto kCgroupPoll = 1s;
constexpr auto kShutdownDeadline = 3s;  ///< a termination that is under way may be stuck in the kernel

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "";
}

/// Keeps `make()` going: what fails is logged and started again. Ends by cancellation.
lb::Task<void> keep_running(std::string name, std::function<lb::Task<void>()> make) {
    while (true) {
        std::string failure = "ended";
        try {
            co_await make();
        } catch (const std::exception& error) {
            failure = error.what();
        }
        const auto state = co_await lb::asio::this_coro::cancellation_state;
        if (state.cancelled() != lb::asio::cancellation_type::none) co_return;
        spdlog::error("{}: {}; starting it again", name, failure);
        co_await lb::sleep_for(kRestartPause);
    }
}

/// Returns once `directory` is gone or is another one of the same name.
lb::Task<void> until_removed(std::string directory) {
    struct stat first {
    }, now{};
    if (::stat(directory.c_str(), &first) != 0) co_return;
    while (::stat(directory.c_str(), &now) == 0 && now.st_ino == first.st_ino)
        co_await lb::sleep_for(kCgroupPoll);
}

}  // namespace

lb::Result<std::unique_ptr<Sidecar>> Sidecar::start(SidecarSettings settings) {
    std::unique_ptr<Sidecar> sidecar(new Sidecar(std::move(settings)));
    if (const auto done = sidecar->attach(); !done) return done.error();
    if (const auto done = sidecar->open_admin(); !done) return done.error();
    if (const auto done = sidecar->controller_->start(); !done) return done.error();
    sidecar->start_checks();
    sidecar->start_watching();
    return sidecar;
}

Sidecar::Sidecar(SidecarSettings settings) : settings_(std::move(settings)) {
    const auto now = std::chrono::system_clock::now();
    info_ = {.instance = settings_.instance,
             .cgroup = settings_.cgroup,
             .config_path = settings_.config.file,
             .config_sha256 = settings_.config.sha256,
             .started_at = now,
             .loaded_at = now,
             .kernel_release = kernel_release()};
}

Sidecar::~Sidecar() {
    end();
}

lb::Result<void> Sidecar::attach() {
    const bpf::KernelOptions options{
        .refuse_mptcp = settings_.config.model.mptcp == lb::Mptcp::refuse,
        .only_engine = settings_.only_engine,
    };
    auto plane = bpf::KernelDataPlane::attach(executor(), settings_.cgroup, options);
    if (!plane) return plane.error();
    plane_ = std::move(*plane);
    info_.engines = plane_->engines();
    info_.repoint = plane_->can_repoint();
    controller_ = std::make_unique<lb::Controller>(executor(), *plane_, settings_.config.model.services);
    return {};
}

lb::Result<void> Sidecar::open_admin() {
    if (settings_.admin_socket.empty()) return {};
    auto socket = AdminSocket::listen(executor(), settings_.admin_socket);
    if (!socket) return socket.error();
    AdminView view{.status = [this] { return status_json(info_, ready(), controller_->status()); },
                   .ready = [this] { return ready(); }};
    admin_ = std::make_unique<AdminServer>(std::move(*socket), std::move(view));
    restart_for_ever("admin interface", [this] { return admin_->run(); });
    return {};
}

void Sidecar::start_checks() {
    const auto& services = settings_.config.model.services;
    for (std::size_t service = 0; service < services.size(); ++service)
        if (services[service].health_check.type != lb::CheckType::none)
            for (std::size_t backend = 0; backend < services[service].backends.size(); ++backend)
                start_check(service, backend);
}

void Sidecar::start_check(std::size_t service, std::size_t backend) {
    const auto& model = settings_.config.model.services[service];
    auto& checker = checkers_.emplace_back();
    restart_for_ever("check " + model.name + "/" + model.backends[backend].name,
                     [this, service, backend, &checker] {
                         checker = make_checker(service, backend);  // one run each
                         return checker->run();
                     });
}

std::unique_ptr<lb::Checker> Sidecar::make_checker(std::size_t service, std::size_t backend) {
    const auto& model = settings_.config.model.services[service];
    return std::make_unique<lb::Checker>(
        model.health_check, model.backends[backend].endpoint, plane_->exempter(),
        [this, service, backend](const lb::CheckStatus& status, const std::optional<lb::HealthEvent>& event) {
            on_check(service, backend, status, event);
        });
}

void Sidecar::start_watching() {
    restart_for_ever("kernel events", [this] {
        return plane_->watch([this](lb::LifeId life) {
            if (controller_) controller_->on_raced_connect(life);
        });
    });
    add("cgroup", stop_when_cgroup_is_removed());
}

lb::Task<void> Sidecar::stop_when_cgroup_is_removed() {
    co_await until_removed(settings_.cgroup);
    spdlog::warn("the workload's cgroup {} was removed: stopping", settings_.cgroup);
    stop();
}

void Sidecar::restart_for_ever(std::string name, std::function<lb::Task<void>()> make) {
    auto task = keep_running(name, std::move(make));
    add(std::move(name), std::move(task));
}

void Sidecar::add(std::string name, lb::Task<void> task) {
    tasks_.push_back(lb::spawn(executor(), std::move(name), std::move(task),
                               [this](const std::string& what) { on_failure(what); }));
}

void Sidecar::on_failure(const std::string& what) {
    spdlog::error("{}", what);
    failed_ = true;
    stop();
}

void Sidecar::on_check(std::size_t service, std::size_t backend, const lb::CheckStatus& status,
                       const std::optional<lb::HealthEvent>& event) {
    controller_->on_check(service, backend, status, event);
    if (first_round_over_ || !ready()) return;
    first_round_over_ = true;
    first_round_.cancel();
    spdlog::info("ready: every backend was checked once");
}

lb::Task<void> Sidecar::first_round(lb::Duration at_most) {
    if (ready()) co_return;
    first_round_.expires_after(at_most);
    boost::system::error_code cut_short;  // by on_check(), or because we are to end
    co_await first_round_.async_wait(lb::asio::redirect_error(lb::asio::use_awaitable, cut_short));
    const auto state = co_await lb::asio::this_coro::cancellation_state;
    if (state.cancelled() != lb::asio::cancellation_type::none) throw boost::system::system_error(cut_short);
}

bool Sidecar::serve() {
    while (!stopping_) loop_.run_one();
    end();
    return !failed_;
}

/// What still runs in the loop refers to the objects: it ends first, then they do.
void Sidecar::end() {
    tasks_.clear();
    loop_.restart();
    loop_.poll();
    controller_.reset();
    loop_.restart();
    loop_.run_for(kShutdownDeadline);
    admin_.reset();
    checkers_.clear();
    plane_.reset();
}

}  // namespace reseat::proxy
