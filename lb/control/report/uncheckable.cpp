// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/uncheckable.hpp"

#include "lb/control/report/wording.hpp"

#include <set>
#include <utility>

namespace reseat::lb {
namespace {

/// Backends of one service that lack the same.
struct Alike {
    std::shared_ptr<const Service> service;
    std::set<std::string> backends;
};

}  // namespace

void Uncheckable::on_check(BackendId id, const std::shared_ptr<const Service>& service,
                           const std::string& backend, const ProbeResult& result) {
    if (result.outcome != ProbeOutcome::not_probed) {
        lacks_.erase(id);
        return;
    }
    Lack& lack = lacks_[id];
    lack = {service, backend, result.detail, lack.reported};
}

std::vector<Event> Uncheckable::take_due(TimePoint now, const std::function<bool(BackendId)>& known) {
    std::erase_if(lacks_, [&](const auto& entry) { return !known(entry.first); });
    std::erase_if(reported_at_, [&](const auto& entry) { return now - entry.second >= kQuiet; });
    std::map<std::pair<std::string, std::string>, Alike> alike;  // by service and reason
    for (auto& [id, lack] : lacks_) {
        const std::string name = title(*lack.service);
        if (lack.reported || reported_at_.contains(name)) continue;
        lack.reported = true;
        Alike& those = alike[{name, lack.why}];
        those.service = lack.service;
        those.backends.insert(lack.backend);
    }
    std::vector<Event> events;
    for (const auto& [key, those] : alike) {
        const auto& [name, why] = key;
        events.push_back(cannot_be_checked(*those.service, those.backends, why));
        reported_at_[name] = now;
    }
    return events;
}

}  // namespace reseat::lb
