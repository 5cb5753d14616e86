// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/names.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace reseat::lb {
namespace {

std::set<Lookup> lookups_of(const std::vector<Service>& services) {
    std::set<Lookup> found;
    for (const Service& service : services)
        for (const NamedBackends& named : service.named_backends) found.insert({named.dns_name, named.type});
    return found;
}

}  // namespace

void Names::follow(const std::vector<Service>& services, TimePoint now) {
    configured_ = lookups_of(services);
    keep_what_is_wanted(now);
}

void Names::want(const std::vector<Service>& services, TimePoint now) {
    configured_.merge(lookups_of(services));
    keep_what_is_wanted(now);
}

void Names::inherit(const std::string& service, Protocol protocol, std::vector<Endpoint> endpoints) {
    inherited_[{service, protocol}] = std::move(endpoints);
}

void Names::keep_what_is_wanted(TimePoint now) {
    std::set<Lookup> wanted = configured_;
    for (const auto& [lookup, state] : states_)
        if (configured_.contains(lookup))
            for (const SrvRecord& record : state.srv()) wanted.insert({record.target, RecordType::address});
    std::erase_if(states_, [&](const auto& entry) {
        if (wanted.contains(entry.first)) return false;
        due_.erase({entry.second.next(), entry.first});
        return true;
    });
    for (const Lookup& lookup : wanted)
        if (states_.try_emplace(lookup, now).second) due_.emplace(now, lookup);
}

std::vector<Lookup> Names::take_due(TimePoint now) {
    std::vector<Lookup> questions;
    while (!due_.empty() && due_.begin()->first <= now && states_.size() - due_.size() < kAtOnce) {
        questions.push_back(due_.begin()->second);
        due_.erase(due_.begin());
        states_.at(questions.back()).asked();
    }
    return questions;
}

std::optional<TimePoint> Names::next_due() const {
    if (due_.empty() || states_.size() - due_.size() >= kAtOnce) return std::nullopt;
    return due_.begin()->first;
}

bool Names::on_answer(const Lookup& lookup, Answer answer, TimePoint now,
                      std::chrono::system_clock::time_point at, double random) {
    const auto found = states_.find(lookup);
    if (found == states_.end() || !found->second.in_flight()) return false;
    NameState& state = found->second;
    const auto before = state.srv();
    const bool news = state.on_answer(std::move(answer), now, at, random);
    due_.emplace(state.next(), lookup);
    if (before != state.srv()) keep_what_is_wanted(now);
    return news;
}

void Names::hurry(TimePoint now) {
    due_.clear();
    for (auto& [lookup, state] : states_) {
        state.hurry(now);
        if (!state.in_flight()) due_.emplace(state.next(), lookup);
    }
}

std::vector<Lookup> Names::lookups(const NamedBackends& named) const {
    std::vector<Lookup> all{{named.dns_name, named.type}};
    if (const auto found = states_.find(all.front()); found != states_.end())
        for (const SrvRecord& record : found->second.srv())
            all.push_back({record.target, RecordType::address});
    return all;
}

bool Names::answered(const std::vector<Service>& services) const {
    for (const Service& service : services)
        for (const NamedBackends& named : service.named_backends)
            for (const Lookup& lookup : lookups(named)) {
                const auto found = states_.find(lookup);
                if (found == states_.end() || !found->second.answered()) return false;
            }
    return true;
}

NameView Names::view(const Service& service, const NamedBackends& named) const {
    NameView view{.service = service.name,
                  .protocol = service.protocol,
                  .named = named,
                  .on_remove = service.connections.on_remove,
                  .next = TimePoint::max()};
    const auto add = [&](const NameState& state, std::uint16_t port, std::optional<SrvRecord> record) {
        for (const Address& address : state.addresses()) view.endpoints.push_back({{address, port}, record});
    };
    for (const Lookup& lookup : lookups(named)) {
        const auto found = states_.find(lookup);
        if (found == states_.end()) continue;
        const NameState& state = found->second;
        const bool is_target = lookup.type != named.type;
        view.next = std::min(view.next, state.next());
        view.good_at = std::max(view.good_at, state.good_at());
        view.left_out += state.left_out();
        if (view.error.empty() && !state.error().empty())
            view.error = is_target ? lookup.name + ": " + state.error() : state.error();
        if (!is_target) add(state, named.port, std::nullopt);
        for (const SrvRecord& record : state.srv()) {
            const auto target = states_.find({record.target, RecordType::address});
            if (target != states_.end()) add(target->second, record.port, record);
        }
    }
    const auto by_endpoint = [](const NamedEndpoint& one) {
        return std::tuple(one.endpoint, one.srv.value_or(SrvRecord{}));
    };
    std::ranges::sort(view.endpoints, {}, by_endpoint);
    const auto same = [](const NamedEndpoint& a, const NamedEndpoint& b) { return a.endpoint == b.endpoint; };
    view.endpoints.erase(std::unique(view.endpoints.begin(), view.endpoints.end(), same),
                         view.endpoints.end());
    if (view.endpoints.size() > kMaxNameAddresses) {
        view.left_out += view.endpoints.size() - kMaxNameAddresses;
        view.endpoints.resize(kMaxNameAddresses);
    }
    return view;
}

/// What served before goes to the first name that may have brought it and has none of its own yet.
void Names::add_inherited(const Service& service, std::vector<NameView>& views) const {
    const auto found = inherited_.find({service.name, service.protocol});
    if (found == inherited_.end()) return;
    std::vector<NameView*> takers;
    for (NameView& view : views)
        if (view.endpoints.empty()) takers.push_back(&view);
    for (const Endpoint& endpoint : found->second) {
        const auto taker = std::ranges::find_if(takers, [&](const NameView* view) {
            return view->named.type == RecordType::srv || view->named.port == endpoint.port;
        });
        if (taker != takers.end()) (*taker)->endpoints.push_back({endpoint, std::nullopt});
    }
}

std::vector<NameView> Names::view(const std::vector<Service>& services) const {
    std::vector<NameView> all;
    for (const Service& service : services) {
        std::vector<NameView> views;
        for (const NamedBackends& named : service.named_backends) views.push_back(view(service, named));
        add_inherited(service, views);
        std::ranges::move(views, std::back_inserter(all));
    }
    return all;
}

}  // namespace reseat::lb
