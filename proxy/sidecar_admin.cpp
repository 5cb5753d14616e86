// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar.hpp"

#include <boost/json.hpp>

/// What Sidecar tells and does through its admin interface.
namespace reseat::proxy {
namespace {

template <class T>
lb::Task<lb::Result<T>> stopping() {
    co_return lb::Error{lb::ErrorCode::failed, "this instance is stopping"};
}

}  // namespace

lb::Result<void> Sidecar::open_admin() {
    if (settings_.admin_socket.empty()) return {};
    auto socket = AdminSocket::listen(executor(), settings_.admin_socket);
    if (!socket) return socket.error();
    admin_view_ = admin_view();
    admin_ = std::make_unique<AdminServer>(std::make_unique<AdminSocket>(std::move(*socket)), admin_view_);
    restart_for_ever("admin interface", [this] { return admin_->run(); });
    return {};
}

AdminView Sidecar::admin_view() {
    return {.status = [this] { return status(); },
            .ready = [this] { return ready(); },
            .reload = [this] { return reloader_.reload(); },
            .sockets =
                [this](Target which) {
                    if (!controller_) return stopping<std::vector<lb::ListedSocket>>();
                    return controller_->sockets(std::move(which.service), std::move(which.backend));
                },
            .terminate =
                [this](Target which) {
                    if (!controller_) return stopping<lb::TerminationReport>();
                    return controller_->terminate(which.service.value_or(""), std::move(which.backend));
                },
            .set_weight = [this](const Target& which, unsigned weight) -> lb::Result<void> {
                if (!controller_) return lb::Error{lb::ErrorCode::failed, "this instance is stopping"};
                return controller_->set_weight(which.service.value_or(""), which.backend.value_or(""),
                                               weight);
            },
            .set_state = [this](const Target& which, lb::OperatorState state) -> lb::Result<void> {
                if (!controller_) return lb::Error{lb::ErrorCode::failed, "this instance is stopping"};
                return controller_->set_operator_state(which.service.value_or(""), which.backend.value_or(""),
                                                       state);
            },
            .events = &events_};
}

boost::json::object Sidecar::status() {
    info_.pinned = plane_->pinned();
    info_.engines = plane_->engines();
    info_.repoint = plane_->can_repoint();
    info_.config_path = reloader_.file();
    info_.config_sha256 = reloader_.running().sha256;
    info_.loaded_at = reloader_.loaded_at();
    info_.last_reload = {reloader_.last().ok, reloader_.last().at, reloader_.last().summary()};
    return status_json(info_, ready(), controller_->status(), controller_->policies(), discovery_->view());
}

}  // namespace reseat::proxy
