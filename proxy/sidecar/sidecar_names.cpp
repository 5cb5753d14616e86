// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/sidecar.hpp"

#include <spdlog/spdlog.h>

#include <set>
#include <string>

/// What Sidecar does about backends by DNS name.
namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstAnswers = 2s;  ///< time for some name servers that are dead

bool serves(const lb::Inheritance::Life& life) {
    return life.state == lb::Inheritance::State::serving;
}

}  // namespace

/// Names are asked for when reseat's sockets are exempt from balancing. What a previous process left serving
/// is the last good answer for those without an answer now.
void Sidecar::resolve_names() {
    const lb::Model& model = reloader_.running().model;
    discovery_ = std::make_unique<Discovery>(
        executor(), plane_->exempter(),
        [this](std::vector<lb::Service> services) -> Result<void> {
            if (!controller_) return Error{ErrorCode::failed, "this instance is stopping"};
            return controller_->change_backends(std::move(services));
        },
        [this](const std::string& service, Protocol protocol) {
            return controller_ ? controller_->passing(service, protocol) : std::set<Endpoint>();
        },
        teller());
    const auto left = plane_->inheritance();
    for (const auto& spec : left.services) {
        std::vector<Endpoint> endpoints;
        for (const auto& life : left.lives)
            if (life.spec.service == spec.id && serves(life)) endpoints.push_back(life.spec.backend);
        discovery_->inherit(spec.name, spec.protocol, std::move(endpoints));
    }
    restart_for_ever("name resolution", [this] { return discovery_->run(); });
    learn_now(loop_, *discovery_, model.services, kFirstAnswers);
    controller_ = std::make_unique<lb::Controller>(executor(), *plane_, discovery_->expand(model.services),
                                                   model.policies, teller());
    follow_names(model);
}

void Sidecar::follow_names(const lb::Model& model) {
    discovery_->follow(model.services);
    if (name_files_watched_ || discovery_->view().empty()) return;
    name_files_watched_ = true;
    add("name files", discovery_->watch_files());
}

/// A file that is still being read when reseat is stopped is there only after what it needs has gone.
Task<bool> Sidecar::prepare(const lb::Model& model) {
    if (!discovery_) co_return false;
    co_return co_await discovery_->learn(model.services, kFirstAnswers);
}

Task<void> Sidecar::names_answered(Duration at_most) {
    const auto services = reloader_.running().model.services;  // may be reloaded meanwhile
    const std::string names = discovery_->waits_for(services);
    if (names.empty()) co_return;
    spdlog::warn("waiting for an answer about {}", names);
    co_await discovery_->learn(services, at_most);
}

std::vector<std::string> Sidecar::without_backends() const {
    std::vector<std::string> names;
    for (const auto& service : discovery_->expand(reloader_.running().model.services))
        if (service.backends.empty() && (names.empty() || names.back() != service.name))
            names.push_back(service.name);
    return names;
}

}  // namespace reseat::proxy
