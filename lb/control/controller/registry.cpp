// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/registry.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

constexpr std::size_t kResting = 64;

}  // namespace

ServiceId Registry::new_id() {
    if (resting_.size() <= kResting) return next_id_++;
    const ServiceId id = resting_.front();
    resting_.pop_front();
    return id;
}

TrackedService& Registry::add(TrackedService service) {
    const ServiceId id = service.state.id;
    auto& entry = services_[id];
    entry = std::make_unique<TrackedService>(std::move(service));
    by_key_[{entry->state.service->name, entry->state.service->protocol}] = entry.get();
    order_.push_back(entry.get());
    index(*entry);
    return *entry;
}

void Registry::forget(ServiceId id) {
    const auto found = services_.find(id);
    if (found == services_.end()) return;
    TrackedService* service = found->second.get();
    for (const BackendId backend : indexed_[id]) backends_.erase(backend);
    indexed_.erase(id);
    const auto key = by_key_.find(Key{service->state.service->name, service->state.service->protocol});
    if (key != by_key_.end() && key->second == service) by_key_.erase(key);
    std::erase(order_, service);
    services_.erase(found);
    give_back(id);
}

void Registry::index(TrackedService& service) {
    auto& indexed = indexed_[service.state.id];
    for (const BackendId backend : indexed) backends_.erase(backend);
    indexed.clear();
    for (std::size_t i = 0; i < service.stats.size(); ++i) {
        backends_[service.stats[i].id] = {&service, i};
        indexed.push_back(service.stats[i].id);
    }
}

TrackedService* Registry::find(ServiceId id) {
    const auto found = services_.find(id);
    return found == services_.end() ? nullptr : found->second.get();
}

TrackedService* Registry::find(std::string_view name, Protocol protocol) {
    const auto found = by_key_.find(Key{name, protocol});
    return found == by_key_.end() ? nullptr : found->second;
}

std::vector<TrackedService*> Registry::named(std::optional<std::string_view> name) {
    if (!name) return order_;
    std::vector<TrackedService*> found;
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        if (TrackedService* service = find(*name, protocol)) found.push_back(service);
    return found;
}

std::optional<Place> Registry::find_backend(BackendId backend) const {
    const auto found = backends_.find(backend);
    return found == backends_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Place> Registry::find_life(LifeId life) const {
    const auto found = lives_.find(life);
    return found == lives_.end() ? std::nullopt : find_backend(found->second);
}

}  // namespace reseat::lb
