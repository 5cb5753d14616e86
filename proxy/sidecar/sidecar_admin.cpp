// SPDX-License-Identifier: Apache-2.0
#include "base/keep_running.hpp"
#include "base/run_on.hpp"
#include "proxy/admin/server.hpp"
#include "proxy/admin/tcp_listener.hpp"
#include "proxy/instance/socket.hpp"
#include "proxy/sidecar/sidecar.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

/// Sidecar's side of its admin interface.
namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestLook = 2ms;  ///< at services, in one turn of the loop
constexpr auto kLagInterval = 1s;

template <class T>
Task<Result<T>> stopping() {
    co_return Error{ErrorCode::failed, "this instance is stopping"};
}

}  // namespace

Result<void> Sidecar::open_admin() {
    const lb::Model& model = reloader_.running().model;
    admin_view_ = admin_view();
    if (!settings_.admin_socket.empty()) {
        auto socket = AdminSocket::listen(executor(), settings_.admin_socket);
        if (!socket) return socket.error();
        const auto listener = std::make_shared<AdminSocket>(std::move(*socket));
        restart_for_ever("admin interface", [this, listener] { return serve_admin(listener, admin_view_); });
    }
    auto listener = open_admin_address(model);
    if (!listener) return listener.error();
    serve_admin_address(std::move(*listener), model);
    return {};
}

std::optional<Endpoint> Sidecar::wanted_admin_address(const lb::Model& model) const {
    return settings_.admin_over_tcp ? model.admin_address : std::nullopt;
}

/// Null: there is none, or we listen there already.
Result<std::shared_ptr<Listener>> Sidecar::open_admin_address(const lb::Model& model) {
    const auto wanted = wanted_admin_address(model);
    if (!wanted || wanted == admin_address_) return std::shared_ptr<Listener>();
    auto listener = TcpListener::listen(executor(), *wanted);
    if (!listener) return listener.error();
    return std::shared_ptr<Listener>(std::move(*listener));
}

/// In place of the address before, whose connections end.
void Sidecar::serve_admin_address(std::shared_ptr<Listener> listener, const lb::Model& model) {
    admin_address_ = wanted_admin_address(model);
    admin_address_task_.cancel();
    if (!listener) return;
    auto task =
        keep_running("admin address", [this, listener] { return serve_admin(listener, admin_view_); });
    admin_address_task_ = spawn(executor(), "admin address", std::move(task),
                                [this](const std::string& what) { on_failure(what); });
}

AdminView Sidecar::admin_view() {
    return {.snapshot = [this](bool history) { return snapshot(history); },
            .aside =
                [this](std::function<std::string()> work) {
                    const auto run = [](std::function<std::string()> what) -> Task<std::string> {
                        co_return what();
                    };
                    return run_on(aside_, run(std::move(work)));
                },
            .config = [this] { return reloader_.running().model; },
            .ready = [this] { return ready(); },
            .reload = [this] { return reload_now(); },
            .known = [this](const Target& which) -> Result<void> {
                if (!controller_) return Error{ErrorCode::failed, "this instance is stopping"};
                return controller_->known(which.service.value_or(""), which.backend);
            },
            .sockets =
                [this](Target which) {
                    if (!controller_) return stopping<lb::ListedSockets>();
                    return controller_->sockets(std::move(which.service), std::move(which.backend));
                },
            .terminate =
                [this](Target which) {
                    if (!controller_) return stopping<lb::TerminationReport>();
                    return controller_->terminate(which.service.value_or(""), std::move(which.backend));
                },
            .set_weight = [this](const Target& which, unsigned weight) -> Result<void> {
                if (!controller_) return Error{ErrorCode::failed, "this instance is stopping"};
                return controller_->set_weight(which.service.value_or(""), which.backend.value_or(""),
                                               weight);
            },
            .set_state = [this](const Target& which, lb::OperatorState state) -> Result<void> {
                if (!controller_) return Error{ErrorCode::failed, "this instance is stopping"};
                return controller_->set_operator_state(which.service.value_or(""), which.backend.value_or(""),
                                                       state);
            },
            .accept = [this](const std::string& service) -> Result<std::size_t> {
                if (!discovery_ || !controller_) return Error{ErrorCode::failed, "this instance is stopping"};
                if (const auto known = controller_->known_service(service); !known) return known.error();
                return discovery_->accept(service);
            },
            .resync =
                [this](const std::optional<std::string>& source) {
                    return discovery_ && discovery_->sources().resync(source);
                },
            .events = &events_};
}

/// One service after the other, so that the loop turns in between however many there are.
Task<Snapshot> Sidecar::snapshot(bool history) {
    Snapshot all{.info = info(), .ready = ready(), .counts = counts(), .history = history};
    all.policies = controller_->policies();
    all.names = discovery_->view();
    all.source_views = discovery_->source_view();
    all.sources = discovery_->sources().records();
    auto since = std::chrono::steady_clock::now();
    for (const lb::ServiceId id : controller_->services()) {
        if (std::chrono::steady_clock::now() - since > kLongestLook) {
            co_await asio::post(asio::use_awaitable);
            if (!controller_) break;
            since = std::chrono::steady_clock::now();
        }
        if (auto status = controller_->status(id, history)) all.services.push_back(std::move(*status));
    }
    co_return all;
}

InstanceInfo Sidecar::info() {
    InstanceInfo all = info_;
    all.pinned = plane_->pinned();
    all.engines = plane_->engines();
    all.repoint = plane_->can_repoint();
    all.config_path = reloader_.file();
    all.config_sha256 = reloader_.running().sha256;
    all.loaded_at = reloader_.loaded_at();
    all.last_reload = {reloader_.last().ok, reloader_.last().at, reloader_.last().summary()};
    return all;
}

InstanceCounts Sidecar::counts() {
    return {.events = events_.totals(),
            .data_path = plane_->stats(),
            .reloads_ok = reloader_.attempts(true),
            .reloads_failed = reloader_.attempts(false),
            .unresolved_sockets = plane_->unresolved_lately(),
            .loop_lag = loop_lag_};
}

Task<void> Sidecar::measure_lag() {
    while (true) {
        const auto due = std::chrono::steady_clock::now() + kLagInterval;
        co_await sleep_for(kLagInterval);
        loop_lag_.add(std::chrono::steady_clock::now() - due);
    }
}

}  // namespace reseat::proxy
