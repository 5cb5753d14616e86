// SPDX-License-Identifier: Apache-2.0
#include "lb/control/announcer.hpp"

#include "lb/control/wording.hpp"

#include <spdlog/spdlog.h>

namespace reseat::lb {

void Announcer::await_report(LifeId life, std::string subject, std::string transition, TimePoint now) {
    pending_[life] = {std::move(subject), std::move(transition), now};
}

void Announcer::on_report(LifeId life, const TerminationReport& report) {
    const auto found = pending_.find(life);
    if (found == pending_.end()) return;
    Pending& pending = found->second;
    const bool news = report.terminated || report.repointed || report.failed != pending.failed;
    pending.failed = report.failed;
    if (!pending.transition.empty()) {
        spdlog::warn("{}; {}", pending.transition, describe(report));
        pending.transition.clear();
    } else if (news) {
        spdlog::log(report.failed ? spdlog::level::warn : spdlog::level::info, "{}: {}", pending.subject,
                    describe(report));
    }
}

void Announcer::hurry(TimePoint now) {
    for (auto& [life, pending] : pending_) {
        if (pending.transition.empty() || now - pending.since < kPatience) continue;
        spdlog::warn("{}; its sockets are still being ended", pending.transition);
        pending.transition.clear();
    }
}

void Announcer::forget(LifeId life) {
    pending_.erase(life);
}

}  // namespace reseat::lb
