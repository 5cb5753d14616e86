// SPDX-License-Identifier: Apache-2.0
#include "lb/control/uncheckable.hpp"

#include "lb/control/wording.hpp"

#include <set>
#include <utility>

namespace reseat::lb {

void Uncheckable::on_check(BackendId id, const std::string& service, const std::string& backend,
                           const ProbeResult& result) {
    if (result.outcome != ProbeOutcome::not_probed) {
        lacks_.erase(id);
        return;
    }
    Lack& lack = lacks_[id];
    lack = {service, backend, result.detail, lack.told};
}

std::vector<Event> Uncheckable::take_due(TimePoint now, const std::function<bool(BackendId)>& known) {
    std::erase_if(lacks_, [&](const auto& entry) { return !known(entry.first); });
    std::erase_if(told_at_, [&](const auto& entry) { return now - entry.second >= kQuiet; });
    std::map<std::pair<std::string, std::string>, std::set<std::string>> alike;  // by service and reason
    for (auto& [id, lack] : lacks_) {
        if (lack.told || told_at_.contains(lack.service)) continue;
        lack.told = true;
        alike[{lack.service, lack.why}].insert(lack.backend);
    }
    std::vector<Event> events;
    for (const auto& [key, backends] : alike) {
        const auto& [service, why] = key;
        events.push_back(cannot_be_checked(service, backends, why));
        told_at_[service] = now;
    }
    return events;
}

}  // namespace reseat::lb
