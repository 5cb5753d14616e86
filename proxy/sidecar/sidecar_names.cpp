// SPDX-License-Identifier: Apache-2.0
#include "base/run_on.hpp"
#include "proxy/discovery/state_file.hpp"
#include "proxy/sidecar/sidecar.hpp"

#include <spdlog/spdlog.h>

#include <set>
#include <string>

/// What Sidecar does about backends by DNS name, and those of sources.
namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstAnswers = 2s;   ///< time for some name servers that are dead
constexpr auto kRemember = 1s;       ///< after a change of what sources say ...
constexpr auto kRememberAgain = 5s;  ///< ... but not more often

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
        teller(),
        [this](const std::string& service, Protocol protocol) {
            return controller_ ? controller_->failing(service, protocol) : std::set<Endpoint>();
        });
    discovery_->sources().configure(model.sources.kubernetes, advice());
    if (settings_.exec_checks == config::ExecChecks::allowed)
        discovery_->sources().allow_commands(plane_->session_exempter());
    const auto left = plane_->inheritance();
    for (const auto& spec : left.services) {
        std::vector<Endpoint> endpoints;
        for (const auto& life : left.lives)
            if (life.spec.service == spec.id && serves(life)) endpoints.push_back(life.spec.backend);
        discovery_->inherit(spec.name, spec.protocol, std::move(endpoints));
    }
    inherit_sources(model);
    restart_for_ever("name resolution", [this] { return discovery_->run(); });
    learn_now(loop_, *discovery_, model.services, kFirstAnswers, model.sources.start_wait);
    controller_ = std::make_unique<lb::Controller>(executor(), *plane_, discovery_->expand(model.services),
                                                   model.policies, teller());
    follow_names(model);
}

/// What was known of sources serves until they answer: from the file, or what a previous process left
/// serving.
void Sidecar::inherit_sources(const lb::Model& model) {
    auto known = read_state_file(settings_.state_file);
    const auto left = plane_->inheritance();
    for (const auto& service : model.services) {
        const auto is_its = [&](const auto& one) {
            return one.service == service.name && one.protocol == service.protocol;
        };
        if (service.sourced_backends.empty() || std::ranges::any_of(known, is_its)) continue;
        lb::Remembered served{.service = service.name,
                              .protocol = service.protocol,
                              .source = to_string(service.sourced_backends.front().ref)};
        for (const auto& spec : left.services) {
            if (spec.name != service.name || spec.protocol != service.protocol) continue;
            for (const auto& life : left.lives)
                if (life.spec.service == spec.id && serves(life))
                    served.endpoints.push_back({.endpoint = life.spec.backend});
        }
        if (!served.endpoints.empty()) known.push_back(std::move(served));
    }
    discovery_->sources().inherit(std::move(known));
    discovery_->sources().follow(model.services);
    if (!settings_.state_file.empty()) add("state of sources", keep_state_file());
}

Task<void> Sidecar::keep_state_file() {
    std::string written;
    bool failed = false;
    while (true) {
        co_await sleep_for(kRemember);
        if (!discovery_) co_return;
        const auto known = discovery_->sources().remember();
        if (known.empty() && written.empty()) continue;
        std::string text = lb::write_remembered(known);
        if (text == written) continue;
        const auto write = [](std::string path, std::string what) -> Task<Result<void>> {
            co_return write_state_file(path, what);
        };
        auto writing = run_on(aside_, write(settings_.state_file, text));
        const auto done = co_await std::move(writing);
        if (!done && !std::exchange(failed, true))
            spdlog::warn("what sources say is not kept for a restart: {}", done.error().message);
        if (done) failed = false;
        written = std::move(text);
        co_await sleep_for(kRememberAgain - kRemember);
    }
}

/// What to do where rights are missing.
std::string Sidecar::advice() const {
    return "apply what \"reseat rbac " + reloader_.file() + "\" prints";
}

void Sidecar::follow_names(const lb::Model& model) {
    discovery_->sources().configure(model.sources.kubernetes, advice());
    discovery_->follow(model.services);
    if (name_files_watched_ || discovery_->view().empty()) return;
    name_files_watched_ = true;
    add("name files", discovery_->watch_files());
}

/// A file that is still being read when reseat is stopped is there only after what it needs has gone.
Task<bool> Sidecar::prepare(const lb::Model& model) {
    if (!discovery_) co_return false;
    co_return co_await discovery_->learn(model.services, kFirstAnswers, model.sources.start_wait);
}

Task<void> Sidecar::names_answered(Duration at_most) {
    const auto services = reloader_.running().model.services;  // may be reloaded meanwhile
    const std::string names = discovery_->waits_for(services);
    if (names.empty()) co_return;
    spdlog::warn("waiting for an answer about {}", names);
    co_await discovery_->learn(services, at_most, at_most);
}

std::vector<std::string> Sidecar::without_backends() const {
    std::vector<std::string> names;
    for (const auto& service : discovery_->expand(reloader_.running().model.services))
        if (service.backends.empty() && (names.empty() || names.back() != service.name))
            names.push_back(service.name);
    return names;
}

}  // namespace reseat::proxy
