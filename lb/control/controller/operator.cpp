// SPDX-License-Identifier: Apache-2.0
#include "base/nearest_word.hpp"
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/events.hpp"
#include "lb/control/report/wording.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace reseat::lb {
namespace {

constexpr Duration kPatience = std::chrono::seconds(10);

}  // namespace

/// Backends of this name, for all protocols; empty: there is no such service or backend.
std::vector<Place> Controller::Impl::places(std::string_view service,
                                            std::optional<std::string_view> backend) {
    std::vector<Place> found;
    for (TrackedService* tracked : state.registry.named(service))
        for (std::size_t i = 0; i < tracked->state.backends.size(); ++i)
            if (!backend || *backend == tracked->state.service->backends[i].name)
                found.push_back({tracked, i});
    return found;
}

Error Controller::Impl::unknown(std::string_view service, std::optional<std::string_view> backend) {
    std::vector<std::string_view> valid;
    const auto of_this_name = state.registry.named(service);
    if (of_this_name.empty() || !backend) {
        for (const TrackedService* tracked : state.registry.all())
            valid.push_back(tracked->state.service->name);
        return {ErrorCode::usage,
                fmt::format("no service '{}'{}", service, did_you_mean_one_of(service, valid))};
    }
    for (const TrackedService* tracked : of_this_name)
        for (const Backend& one : tracked->state.service->backends) valid.push_back(one.name);
    return {ErrorCode::usage, fmt::format("no backend '{}' in service '{}'{}", *backend, service,
                                          did_you_mean_one_of(*backend, valid))};
}

Result<void> Controller::set_operator_state(std::string_view service, std::string_view backend,
                                            OperatorState state) {
    const auto found = impl_->places(service, backend);
    if (found.empty()) return impl_->unknown(service, backend);
    for (const Place& place : found) {
        BackendRecord& record = place.record();
        if (record.operator_state == state) continue;
        on_operator(place.service->state, place.backend, state);
        place.stats().since = std::chrono::system_clock::now();
        impl_->state.note_transition(place.stats(), kind_of(state), {}, record.life ? record.life->id : 0);
        impl_->state.agenda.wake(place.service->state.id);
    }
    impl_->loop.wake();
    return {};
}

Result<void> Controller::set_weight(std::string_view service, std::string_view backend, unsigned weight) {
    const auto found = impl_->places(service, backend);
    if (found.empty()) return impl_->unknown(service, backend);
    for (const Place& place : found) {
        const BackendRecord& record = place.record();
        const unsigned before = record.weight;
        if (before == weight) continue;
        on_weight(place.service->state, place.backend, weight);
        const std::uint64_t open = record.life ? impl_->state.plane.open_sockets(record.life->id) : 0;
        impl_->state.tell(reweighted(place.service->state, place.backend, before, open));
        impl_->state.agenda.wake(place.service->state.id);
    }
    impl_->loop.wake();
    return {};
}

Task<Result<TerminationReport>> Controller::terminate(std::string service,
                                                      std::optional<std::string> backend) {
    Impl& impl = *impl_;
    const TimePoint now = std::chrono::steady_clock::now();
    const auto found = impl.places(service, backend);
    if (found.empty()) co_return impl.unknown(service, backend);
    std::set<LifeId> lives;
    for (const Place& place : found) {
        for (const LifeId life : on_termination(place.service->state, place.backend, now)) lives.insert(life);
        impl.state.agenda.wake(place.service->state.id);
    }
    const auto waiting = impl.orders.await_reports(std::move(lives));  // first: a report may come at once
    if (auto done = impl.decide(now); !done) {
        impl.orders.no_more_awaited(waiting);
        impl.loop.wake();
        co_return done.error();
    }
    if (!waiting->lives.empty()) {
        waiting->done.expires_after(kPatience);
        boost::system::error_code cut_short;  // by the last report
        co_await waiting->done.async_wait(asio::redirect_error(asio::use_awaitable, cut_short));
    }
    if (waiting->over) co_return Error{ErrorCode::failed, "reseat is stopping"};
    impl.orders.no_more_awaited(waiting);
    if (!waiting->lives.empty() && waiting->sum.first_failure.empty())
        waiting->sum.first_failure = "sockets are still being terminated";
    co_return waiting->sum;
}

Result<void> Controller::known(const std::string& service, const std::optional<std::string>& backend) const {
    const auto has_it = [&](const TrackedService* tracked) {
        const auto& backends = tracked->state.service->backends;
        return backend ? std::ranges::find(backends, *backend, &Backend::name) != backends.end()
                       : !backends.empty();
    };
    if (std::ranges::any_of(impl_->state.registry.named(service), has_it)) return {};
    return impl_->unknown(service, backend);
}

Result<void> Controller::known_service(std::string_view service) const {
    if (!impl_->state.registry.named(service).empty()) return {};
    return impl_->unknown(service, std::nullopt);
}

Task<Result<ListedSockets>> Controller::sockets(std::optional<std::string> service,
                                                std::optional<std::string> backend) {
    if (service)
        if (const auto is = known(*service, backend); !is) co_return is.error();
    Impl& impl = *impl_;
    std::vector<LifeId> lives;
    ListedSockets listed;
    for (const TrackedService* tracked : impl.state.registry.named(service)) {
        const Service& config = *tracked->state.service;
        for (std::size_t i = 0; i < config.backends.size(); ++i) {
            if (backend && *backend != config.backends[i].name) continue;
            const BackendRecord& record = tracked->state.backends[i];
            const auto add = [&](const Life& life) {
                lives.push_back(life.id);
                listed.names[life.id] = {config.name, config.backends[i].name};
            };
            if (record.life) add(*record.life);
            std::ranges::for_each(record.ended, add);
        }
    }
    listed.sockets = co_await impl.state.plane.sockets(std::move(lives));
    co_return listed;
}

}  // namespace reseat::lb
