// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/tracked_service.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace reseat::lb {

/// A backend in its service. Until either changes.
struct Place {
    TrackedService* service = nullptr;
    std::size_t backend = 0;

    BackendRecord& record() const { return service->state.backends[backend]; }
    BackendStats& stats() const { return service->stats[backend]; }
    const Backend& config() const { return service->state.service->backends[backend]; }
};

/// All services, and where the backends and lives are in them.
class Registry {
public:
    /// Ids below are in use or were, in this process or before.
    explicit Registry(ServiceId first_unused) : next_id_(first_unused) {}

    /// Of services that are forgotten the ids are used again, the longest unused first, but not soon: the
    /// data path numbers its tables by them.
    ServiceId new_id();
    void give_back(ServiceId id) { resting_.push_back(id); }
    TrackedService& add(TrackedService service);
    void forget(ServiceId id);

    /// After the backends of this service became others.
    void index(TrackedService& service);
    void note_life(LifeId life, BackendId backend) { lives_[life] = backend; }
    void forget_life(LifeId life) { lives_.erase(life); }

    TrackedService* find(ServiceId id);
    TrackedService* find(std::string_view name, Protocol protocol);
    /// Both protocols of this name, or of all names.
    std::vector<TrackedService*> named(std::optional<std::string_view> name);
    std::optional<Place> find_backend(BackendId backend) const;
    std::optional<Place> find_life(LifeId life) const;

    /// In the order of the configuration, those that left it last.
    const std::vector<TrackedService*>& all() const { return order_; }
    void reorder(std::vector<TrackedService*> order) { order_ = std::move(order); }

private:
    using Key = std::pair<std::string, Protocol>;
    ServiceId next_id_;
    std::deque<ServiceId> resting_;
    std::map<ServiceId, std::unique_ptr<TrackedService>> services_;
    std::map<Key, TrackedService*, std::less<>> by_key_;
    std::vector<TrackedService*> order_;
    std::unordered_map<BackendId, Place> backends_;
    std::unordered_map<ServiceId, std::vector<BackendId>> indexed_;
    std::unordered_map<LifeId, BackendId> lives_;
};

}  // namespace reseat::lb
