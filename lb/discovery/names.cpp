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
        for (const NamedBackends& named : service.named_backends)
            found.insert({named.dns_name, named.type, service.names.family});
    return found;
}

/// The addresses of what an SRV record of this lookup points to.
Lookup target_of(const SrvRecord& record, NameFamily family) {
    return {record.target, RecordType::address, family};
}

/// Of each protocol, which address belongs to which service.
using ServiceAddresses = std::map<std::pair<Protocol, Endpoint>, std::string>;

void find_service_endpoints(NameView& view, const ServiceAddresses& addresses) {
    for (const NamedEndpoint& one : view.endpoints)
        if (const auto found = addresses.find({view.protocol, one.endpoint}); found != addresses.end())
            view.service_endpoints.push_back({one.endpoint, found->second});
}

}  // namespace

NameKey key_of(const NameView& view) {
    return {view.service, view.protocol, view.named.dns_name, view.named.type, view.named.port};
}

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
    std::erase_if(retired_, [&](const auto& entry) { return !configured_.contains(entry.first); });
    std::set<Lookup> wanted = configured_;
    for (const auto& [lookup, state] : states_)
        if (configured_.contains(lookup))
            for (const SrvRecord& record : state.srv()) wanted.insert(target_of(record, lookup.family));
    for (const auto& [lookup, records] : retired_)
        for (const SrvRecord& record : records) wanted.insert(target_of(record, lookup.family));
    std::erase_if(states_, [&](const auto& entry) {
        if (wanted.contains(entry.first)) return false;
        if (const auto due = due_at_.extract(entry.first)) due_.erase({due.mapped(), entry.first});
        return true;
    });
    for (const Lookup& lookup : wanted) {
        const auto [made, fresh] = states_.try_emplace(lookup, lookup, now);
        if (fresh) set_due(lookup, made->second);
    }
}

void Names::set_due(const Lookup& lookup, const NameState& state) {
    if (const auto due = due_at_.extract(lookup)) due_.erase({due.mapped(), lookup});
    if (state.waits()) return;
    due_at_.emplace(lookup, state.next());
    due_.emplace(state.next(), lookup);
}

std::vector<Question> Names::take_due(TimePoint now) {
    std::vector<Question> questions;
    while (!due_.empty() && due_.begin()->first <= now && states_.size() - due_.size() < kAtOnce) {
        const Lookup lookup = due_.begin()->second;
        NameState& state = states_.at(lookup);
        questions.push_back({lookup, state.ask()});
        set_due(lookup, state);
    }
    return questions;
}

std::optional<TimePoint> Names::next_due() const {
    if (due_.empty() || states_.size() - due_.size() >= kAtOnce) return std::nullopt;
    return due_.begin()->first;
}

bool Names::on_answer(const Lookup& lookup, Query query, Found answer, TimePoint now,
                      std::chrono::system_clock::time_point at, double random) {
    const auto found = states_.find(lookup);
    if (found == states_.end()) return false;
    NameState& state = found->second;
    const Records before = state.srv();
    bool news = state.on_answer(query, std::move(answer), now, at, random);
    set_due(lookup, state);
    const bool whole = !state.in_flight();
    if (before != state.srv()) {
        retire(lookup, before, state.srv());
        keep_what_is_wanted(now);
    }
    if (!retired_.empty()) {
        news = true;  // any answer may decide how long they serve
        let_go(now);
    }
    if (news) news_at_ = std::min(news_at_.value_or(TimePoint::max()), whole ? now : now + kResolutionDelay);
    if (news_at_ && whole) news_at_ = std::min(*news_at_, now);
    return news;
}

/// What brings an address is not given up for a record whose target has none yet.
void Names::retire(const Lookup& lookup, const Records& before, const Records& now) {
    Records& retired = retired_[lookup];
    std::ranges::copy(before, std::back_inserter(retired));
    const auto is_current = [&](const SrvRecord& record) {
        return std::ranges::any_of(now, [&](const SrvRecord& other) {
            return std::tie(other.target, other.port) == std::tie(record.target, record.port);
        });
    };
    std::erase_if(retired, [&](const SrvRecord& record) {
        const auto target = states_.find(target_of(record, lookup.family));
        return is_current(record) || target == states_.end() || !target->second.has_records();
    });
    if (retired.size() > kMaxSrvTargets)
        retired.erase(retired.begin(), retired.end() - std::ptrdiff_t(kMaxSrvTargets));
    if (retired.empty()) retired_.erase(lookup);
}

/// The retired targets serve in this family: the addresses of those that replaced them are not all known, or
/// there is none and DNS did not say that there is none.
bool Names::serves_still(const Lookup& lookup, Family family) const {
    bool all_answered = true, any_failed = false, any_of_it = false, any_at_all = false;
    for (const SrvRecord& record : states_.at(lookup).srv()) {
        const auto found = states_.find(target_of(record, lookup.family));
        if (found == states_.end()) continue;
        const NameState& target = found->second;
        all_answered = all_answered && target.answered(family);
        any_failed = any_failed || target.failed(family);
        any_of_it = any_of_it || target.has(family);
        any_at_all = any_at_all || target.has_records();
    }
    if (!all_answered) return true;
    return !any_of_it && (any_failed || !any_at_all);
}

void Names::let_go(TimePoint now) {
    bool any = false;
    for (auto& [lookup, records] : retired_) {
        const bool v4 = serves_still(lookup, Family::v4), v6 = serves_still(lookup, Family::v6);
        any |= std::erase_if(records, [&, family = lookup.family](const SrvRecord& record) {
                   const NameState& target = states_.at(target_of(record, family));
                   return !(v4 && target.has(Family::v4)) && !(v6 && target.has(Family::v6));
               }) > 0;
    }
    std::erase_if(retired_, [](const auto& entry) { return entry.second.empty(); });
    if (any) keep_what_is_wanted(now);
}

void Names::hurry(TimePoint now) {
    for (auto& [lookup, state] : states_) {
        state.hurry(now);
        set_due(lookup, state);
    }
}

std::vector<Lookup> Names::lookups(const NamedBackends& named, NameFamily family) const {
    std::vector<Lookup> all{{named.dns_name, named.type, family}};
    if (const auto found = states_.find(all.front()); found != states_.end())
        for (const SrvRecord& record : found->second.srv()) all.push_back(target_of(record, family));
    return all;
}

bool Names::answered(const Lookup& lookup, TimePoint now) const {
    const auto found = states_.find(lookup);
    return found != states_.end() && found->second.answered(now);
}

bool Names::answered(const std::vector<Service>& services, TimePoint now) const {
    for (const Service& service : services)
        for (const NamedBackends& named : service.named_backends)
            for (const Lookup& lookup : lookups(named, service.names.family))
                if (!answered(lookup, now)) return false;
    return true;
}

std::vector<std::string> Names::unanswered(const std::vector<Service>& services, TimePoint now) const {
    std::set<std::string> names;
    for (const Service& service : services)
        for (const NamedBackends& named : service.named_backends)
            for (const Lookup& lookup : lookups(named, service.names.family))
                if (!answered(lookup, now)) names.insert(lookup.name);
    return {names.begin(), names.end()};
}

void Names::add_records(NameView& view, const Records& records, NameFamily family) const {
    for (const SrvRecord& record : records) {
        const auto target = states_.find(target_of(record, family));
        if (target == states_.end()) continue;
        for (const Address& address : target->second.addresses())
            view.endpoints.push_back({{address, record.port}, record, {}});
    }
}

void Names::add_retired(NameView& view, const Lookup& lookup) const {
    const auto retired = retired_.find(lookup);
    if (retired == retired_.end()) return;
    NameView all;
    add_records(all, retired->second, lookup.family);
    for (const Family family : {Family::v4, Family::v6}) {
        if (!serves_still(lookup, family)) continue;
        for (const NamedEndpoint& one : all.endpoints) {
            const auto same = std::ranges::find(view.endpoints, one.endpoint, &NamedEndpoint::endpoint);
            if (one.endpoint.address.family() == family && same == view.endpoints.end())
                view.endpoints.push_back(one);
        }
    }
}

NameView Names::view(const Service& service, const NamedBackends& named) const {
    NameView view{.service = service.name,
                  .protocol = service.protocol,
                  .named = named,
                  .on_remove = service.connections.on_remove,
                  .hold = service.names.hold,
                  .next = TimePoint::max()};
    const auto all = lookups(named, service.names.family);
    for (const Lookup& lookup : all) {
        const auto found = states_.find(lookup);
        if (found == states_.end()) continue;
        const NameState& state = found->second;
        const bool is_target = lookup.type != named.type;
        view.next = std::min(view.next, state.next());
        view.good_at = std::max(view.good_at, state.good_at());
        view.left_out += state.left_out();
        if (view.error.empty() && !state.error().empty())
            view.error = is_target ? lookup.name + ": " + state.error() : state.error();
        if (!is_target)
            for (const Address& address : state.addresses())
                view.endpoints.push_back({{address, named.port}, {}, {}});
        add_records(view, state.srv(), lookup.family);
    }
    add_retired(view, all.front());
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
        if (taker != takers.end()) (*taker)->endpoints.push_back({endpoint, {}, {}});
    }
}

std::vector<NameView> Names::view(const std::vector<Service>& services) const {
    std::vector<NameView> all;
    ServiceAddresses addresses;
    for (const Service& service : services) {
        std::vector<NameView> views;
        for (const NamedBackends& named : service.named_backends) views.push_back(view(service, named));
        add_inherited(service, views);
        std::ranges::move(views, std::back_inserter(all));
        for (const Endpoint& address : service.addresses)
            addresses.emplace(std::pair(service.protocol, address), service.name);
    }
    for (NameView& view : all) find_service_endpoints(view, addresses);
    return all;
}

}  // namespace reseat::lb
