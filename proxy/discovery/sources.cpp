// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/sources.hpp"

#include "base/keep_running.hpp"
#include "proxy/discovery/make_source.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace reseat::proxy {

using std::chrono::system_clock;

Sources::Sources(asio::any_io_executor executor, lb::SocketPreparer prepare, lb::Failing failing,
                 lb::EventSink tell, std::function<void()> changed)
    : means_{.executor = std::move(executor), .prepare = std::move(prepare)},
      failing_(std::move(failing)),
      tell_(std::move(tell)),
      changed_(std::move(changed)) {
    means_.aside = &aside_;
}

Sources::~Sources() {
    end([](const auto&) { return true; });
    aside_.join();
}

template <class Which>
void Sources::end(Which which) {
    std::erase_if(running_, [&](const auto& one) {
        if (!which(one)) return false;
        one.second.source->detach();
        return true;
    });
}

void Sources::configure(const lb::KubernetesAccess& access, std::string advice) {
    means_.advice = std::move(advice);
    if (std::exchange(means_.kubernetes, access) == access) return;
    end([](const auto& one) { return one.second.source->record().kind() == lb::SourceKind::kubernetes; });
}

void Sources::start(const lb::SourceRef& ref) {
    const std::string key = source_key(ref);
    Running& running = running_[key];
    running.source = make_source(ref, means_, memberships_.position_of(ref), [this, key] { on_change(key); });
    running.task =
        spawn(means_.executor, key, keep_running(key, [source = running.source] { return source->run(); }),
              [](const std::string& what) { spdlog::error("{}", what); });
}

void Sources::want(const std::vector<lb::Service>& services) {
    std::map<std::string, std::set<lb::SourceRef>> wanted;
    for (const lb::Service& service : services)
        for (const auto& entry : service.sourced_backends) wanted[source_key(entry.ref)].insert(entry.ref);
    for (auto& [key, refs] : wanted) {
        const auto known = running_.find(key);
        if (known != running_.end()) refs.insert(known->second.refs.begin(), known->second.refs.end());
        if (known == running_.end()) start(*refs.begin());
        Running& running = running_.at(key);
        if (std::exchange(running.refs, refs) == refs) continue;
        running.source->want(refs);
        on_change(key);
    }
}

void Sources::follow(const std::vector<lb::Service>& services) {
    followed_ = services;
    std::map<std::string, std::set<lb::SourceRef>> wanted;
    for (const lb::Service& service : services)
        for (const auto& entry : service.sourced_backends) wanted[source_key(entry.ref)].insert(entry.ref);
    end([&](const auto& one) { return !wanted.contains(one.first); });
    memberships_.follow(services);
    for (auto& [key, running] : running_) running.refs.clear();
    want(services);
}

void Sources::on_change(const std::string& key) {
    const auto found = running_.find(key);
    if (found == running_.end() || !found->second.source) return;
    for (const lb::SourceRef& ref : found->second.refs)
        memberships_.on_assignment(ref, found->second.source->assignment(ref));
    changed_();
}

bool Sources::answered(const std::vector<lb::Service>& services) const {
    return unanswered(services).empty();
}

std::vector<std::string> Sources::unanswered(const std::vector<lb::Service>& services) const {
    std::vector<std::string> waiting;
    for (const lb::SourceView& view : memberships_.view(services)) {
        const auto* said = memberships_.said(view.entry.ref);
        const bool heard = said && (said->known != lb::Assignment::Known::never || !said->error.empty());
        if (heard || view.from_before) continue;
        const std::string name = to_string(view.entry.ref);
        if (std::ranges::find(waiting, name) == waiting.end()) waiting.push_back(name);
    }
    return waiting;
}

bool Sources::step(TimePoint now) {
    for (auto& [key, running] : running_)
        while (const auto event = running.source->record().take_event(now, system_clock::now()))
            tell_(*event);
    memberships_.step(now, failing_);
    for (const lb::Event& event : memberships_.take_news()) tell_(event);
    const auto before = std::exchange(applied_, memberships_.view(followed_));
    return !lb::expand_alike(before, applied_);
}

std::optional<TimePoint> Sources::next() const {
    auto next = memberships_.next();
    for (const auto& [key, running] : running_)
        if (const auto at = running.source->record().next()) next = std::min(next.value_or(*at), *at);
    return next;
}

/// A source that says nothing new confirms what it said.
std::vector<lb::SourceView> Sources::view(const std::vector<lb::Service>& services) const {
    auto views = memberships_.view(services);
    for (lb::SourceView& view : views) {
        const auto found = running_.find(source_key(view.entry.ref));
        if (found == running_.end() || view.from_before || view.said.known == lb::Assignment::Known::never)
            continue;
        view.said.confirmed_at = found->second.source->record().heard_at();
    }
    return views;
}

std::vector<lb::SourceRecord> Sources::records() const {
    std::vector<lb::SourceRecord> all;
    for (const auto& [key, running] : running_) all.push_back(running.source->record());
    return all;
}

std::size_t Sources::accept(const std::string& service) {
    const std::size_t count = memberships_.accept(service);
    if (count > 0) changed_();
    return count;
}

bool Sources::resync(const std::optional<std::string>& name) {
    bool any = false;
    for (auto& [key, running] : running_) {
        if (name && *name != key) continue;
        running.source->resync();
        any = true;
    }
    return any;
}

}  // namespace reseat::proxy
