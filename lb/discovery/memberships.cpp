// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/memberships.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace reseat::lb {
namespace {

constexpr std::size_t kToldEndpoints = 2;

std::string list(const std::vector<ServedEndpoint>& endpoints) {
    if (endpoints.empty()) return "nothing";
    std::vector<std::string> told;
    for (std::size_t i = 0; i < std::min(endpoints.size(), kToldEndpoints); ++i)
        told.push_back(to_string(endpoints[i].is.endpoint));
    const std::size_t more = endpoints.size() - told.size();
    return fmt::format("{}{}", fmt::join(told, ", "), more ? fmt::format(" and {} more", more) : "");
}

/// "2 added, 1 leaving, 1 replaced, 3 removed"; empty: nothing that people want to know.
std::string changes(const std::vector<ServedEndpoint>& before, const std::vector<ServedEndpoint>& now) {
    std::map<Endpoint, const ServedEndpoint*> known;
    for (const ServedEndpoint& one : before) known.emplace(one.is.endpoint, &one);
    std::size_t added = 0, leaving = 0, unready = 0, ready = 0, replaced = 0;
    for (const ServedEndpoint& one : now) {
        const auto found = known.find(one.is.endpoint);
        if (found == known.end()) {
            ++added;
            continue;
        }
        const SourcedEndpoint& was = found->second->is;
        replaced +=
            !was.incarnation.empty() && !one.is.incarnation.empty() && was.incarnation != one.is.incarnation;
        if (was.standing != one.is.standing) {
            leaving += one.is.standing == Standing::leaving;
            unready += one.is.standing == Standing::unready;
            ready += one.is.standing == Standing::ready;
        }
        known.erase(found);
    }
    std::vector<std::string> parts;
    const auto part = [&](std::size_t count, std::string_view word) {
        if (count) parts.push_back(fmt::format("{} {}", count, word));
    };
    part(added, "added");
    part(leaving, "leaving");
    part(unready, "not ready");
    part(ready, "ready again");
    part(replaced, "replaced");
    part(known.size(), "removed");
    return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::size_t SourceView::count(Standing standing) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        endpoints, [&](const ServedEndpoint& one) { return !one.held && one.is.standing == standing; }));
}

std::size_t SourceView::held() const {
    return static_cast<std::size_t>(std::ranges::count(endpoints, true, &ServedEndpoint::held));
}

void Memberships::follow(const std::vector<Service>& services) {
    service_addresses_.clear();
    for (const Service& service : services)
        for (const Endpoint& address : service.addresses) service_addresses_.emplace(address, service.name);
    std::map<Key, Entry> stay;
    std::set<SourceRef> wanted;
    for (const Service& service : services) {
        for (const SourcedBackends& entry : service.sourced_backends) {
            const Key key{service.name, service.protocol, entry.ref};
            wanted.insert(entry.ref);
            const auto known = entries_.find(key);
            Entry& now = known != entries_.end() ? (stay[key] = std::move(known->second)) : stay[key];
            now.entry = entry;
            now.guard_settings = service.guard;
            if (known != entries_.end()) continue;
            for (const Remembered& one : inherited_) {
                if (one.service != service.name || one.protocol != service.protocol ||
                    one.source != to_string(entry.ref))
                    continue;
                now.guard.inherit(one.endpoints);
                for (const SourcedEndpoint& endpoint : one.endpoints) now.serves.push_back({endpoint, false});
                now.inherited_position = one.position;
                now.inherited_at = one.confirmed_at;
            }
        }
    }
    entries_ = std::move(stay);
    std::erase_if(said_, [&](const auto& one) { return !wanted.contains(one.first); });
}

void Memberships::inherit(std::vector<Remembered> known) {
    inherited_ = std::move(known);
}

std::string Memberships::position_of(const SourceRef& ref) const {
    const std::string source = to_string(ref);
    for (const Remembered& one : inherited_)
        if (one.source == source) return one.position;
    return "";
}

bool Memberships::on_assignment(const SourceRef& ref, Assignment said) {
    settle(said);
    const auto known = said_.find(ref);
    // An answer that cannot be understood (a port that is not there) says nothing about endpoints.
    if (known != said_.end() && !said.error.empty() && said.endpoints.empty()) {
        said.endpoints = known->second.endpoints;
        said.known = known->second.known;
    }
    const bool alike = known != said_.end() && known->second.serves_alike(said);
    said_[ref] = std::move(said);
    const std::string source = to_string(ref);
    std::erase_if(inherited_, [&](const Remembered& one) { return one.source == source; });
    return !alike;
}

const Assignment* Memberships::said(const SourceRef& ref) const {
    const auto found = said_.find(ref);
    return found == said_.end() ? nullptr : &found->second;
}

/// A service address of ours is no server, and would be balanced again.
Assignment Memberships::usable(const SourceRef& ref, Assignment said) const {
    const bool trusted = ref.kind == SourceKind::file || ref.kind == SourceKind::command;
    std::erase_if(said.endpoints, [&](const SourcedEndpoint& one) {
        std::string why = why_unusable(one.endpoint.address, trusted);
        const auto ours = service_addresses_.find(one.endpoint);
        if (why.empty() && ours != service_addresses_.end())
            why = "is the address of service " + ours->second;
        if (why.empty()) return false;
        ++said.left_out;
        if (said.why_left_out.empty()) said.why_left_out = to_string(one.endpoint) + " " + why;
        return true;
    });
    for (SourcedEndpoint& one : said.endpoints)
        if (one.check_address && !why_unusable(*one.check_address, trusted).empty())
            one.check_address.reset();
    return said;
}

void Memberships::step(TimePoint now, const Failing& failing) {
    next_.reset();
    for (auto& [key, entry] : entries_) {
        const auto& [service, protocol, ref] = key;
        const auto heard = said_.find(ref);
        const Assignment before = entry.said;
        if (heard != said_.end()) entry.said = usable(ref, heard->second);
        const std::set<Endpoint> bad = failing ? failing(service, protocol) : std::set<Endpoint>();
        Guard::Step step = entry.guard.step(entry.said, entry.guard_settings, now, bad);
        const auto served = std::exchange(entry.serves, std::move(step.endpoints));
        tell_changes(key, entry, served, before);
        compare(key, entry, now, bad);
        for (const GuardNews& news : step.news) {
            if (news.guarded)
                tell(key, entry, Event::Type::source_guarded, Event::Level::warn,
                     fmt::format(
                         "lost {} of {} endpoints at once, unannounced, and they still answer: held for "
                         "{}; reseat accept {} lets them go",
                         news.count, news.of, human(entry.guard_settings.hold), service));
            else
                tell(key, entry, Event::Type::source_guard_over, Event::Level::info,
                     fmt::format("{} held {} let go: {}", news.count,
                                 news.count == 1 ? "endpoint is" : "endpoints are", news.why));
        }
        if (step.next) next_ = std::min(next_.value_or(*step.next), *step.next);
    }
}

/// What the source calls ready beside what the checks say: a source that is stuck is noticed so.
void Memberships::compare(const Key& key, Entry& entry, TimePoint now, const std::set<Endpoint>& failing) {
    std::map<Endpoint, TimePoint> since;
    std::size_t count = 0;
    const SourcedEndpoint* first = nullptr;
    for (const ServedEndpoint& one : entry.serves) {
        const Endpoint& endpoint = one.is.endpoint;
        if (one.held || one.is.standing != Standing::ready || !failing.contains(endpoint)) continue;
        const auto known = entry.disagree_since.find(endpoint);
        const TimePoint from = known == entry.disagree_since.end() ? now : known->second;
        since.emplace(endpoint, from);
        if (now - from < kDisagreement) {
            next_ = std::min(next_.value_or(from + kDisagreement), from + kDisagreement);
            continue;
        }
        if (!first) first = &one.is;
        ++count;
    }
    entry.disagree_since = std::move(since);
    entry.disagreements = count;
    if (count == 0) entry.disagreement_told = false;
    if (!first || std::exchange(entry.disagreement_told, true)) return;
    tell(key, entry, Event::Type::source_disagrees, Event::Level::warn,
         fmt::format("calls {} ready{}, which fails its checks for {}",
                     first->name.empty() ? to_string(first->endpoint) : first->name,
                     count > 1 ? fmt::format(" and {} more", count - 1) : "", human(kDisagreement)));
}

void Memberships::tell(const Key& key, const Entry& entry, Event::Type type, Event::Level level,
                       std::string message) {
    const auto& [service, protocol, ref] = key;
    news_.push_back({.type = type,
                     .level = level,
                     .service = service,
                     .protocol = protocol,
                     .message = fmt::format("{}: {} {}", service, printable(to_string(entry.entry.ref)),
                                            printable(message))});
}

void Memberships::tell_changes(const Key& key, const Entry& entry, const std::vector<ServedEndpoint>& before,
                               const Assignment& said_before) {
    using Known = Assignment::Known;
    const bool first = said_before.known == Known::never && entry.said.known != Known::never;
    const std::string what = changes(before, entry.serves);
    if (!what.empty() || (first && before.empty()))
        tell(key, entry, Event::Type::source_changed, Event::Level::info,
             fmt::format("is now {}{}", list(entry.serves), what.empty() ? "" : " (" + what + ")"));
    if (said_before.left_out == 0 && entry.said.left_out > 0)
        tell(key, entry, Event::Type::source_changed, Event::Level::warn,
             fmt::format("has {} that cannot be used: {}", counted(entry.said.left_out, "endpoint"),
                         entry.said.why_left_out));
}

std::vector<Event> Memberships::take_news() {
    // Those of a service for both protocols are the same twice.
    std::vector<Event> news;
    for (Event& event : std::exchange(news_, {}))
        if (std::ranges::find(news, event.message, &Event::message) == news.end())
            news.push_back(std::move(event));
    return news;
}

std::size_t Memberships::accept(const std::string& service) {
    std::size_t count = 0;
    for (auto& [key, entry] : entries_)
        if (std::get<0>(key) == service) count += entry.guard.accept();
    return count;
}

SourceView Memberships::view_of(const std::string& service, Protocol protocol,
                                const SourcedBackends& entry) const {
    SourceView view{.service = service, .protocol = protocol, .entry = entry};
    const auto known = entries_.find(Key{service, protocol, entry.ref});
    if (known != entries_.end()) {
        view.said = known->second.said;
        view.endpoints = known->second.serves;
        view.disagreements = known->second.disagreements;
        view.from_before = view.said.known == Assignment::Known::never && !view.endpoints.empty();
        if (view.from_before) view.said.confirmed_at = known->second.inherited_at;
    }
    const bool fresh =
        known == entries_.end() || (view.said.known == Assignment::Known::never && !view.from_before);
    const auto heard = said_.find(entry.ref);
    if (!fresh || heard == said_.end()) return view;
    view.said = usable(entry.ref, heard->second);
    for (const SourcedEndpoint& one : view.said.endpoints) view.endpoints.push_back({one, false});
    return view;
}

std::vector<SourceView> Memberships::view(const std::vector<Service>& services) const {
    std::vector<SourceView> views;
    for (const Service& service : services)
        for (const SourcedBackends& entry : service.sourced_backends)
            views.push_back(view_of(service.name, service.protocol, entry));
    return views;
}

std::vector<Remembered> Memberships::remember() const {
    std::vector<Remembered> all;
    for (const auto& [key, entry] : entries_) {
        const auto& [service, protocol, ref] = key;
        const bool heard = entry.said.known != Assignment::Known::never;
        if (!heard && entry.serves.empty()) continue;
        Remembered one{service,
                       protocol,
                       to_string(ref),
                       heard ? entry.said.position : entry.inherited_position,
                       heard ? entry.said.confirmed_at : entry.inherited_at,
                       {}};
        for (const ServedEndpoint& endpoint : entry.serves) one.endpoints.push_back(endpoint.is);
        all.push_back(std::move(one));
    }
    return all;
}

bool expand_alike(const std::vector<SourceView>& before, const std::vector<SourceView>& now) {
    return std::ranges::equal(before, now, [](const SourceView& a, const SourceView& b) {
        return a.endpoints == b.endpoints &&
               (a.said.known == Assignment::Known::never) == (b.said.known == Assignment::Known::never);
    });
}

}  // namespace reseat::lb
