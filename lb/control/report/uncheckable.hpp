// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/event.hpp"
#include "lb/control/report/status.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace reseat::lb {

/// Backends whose checks cannot be made, through no fault of theirs. Each is reported once until a check of
/// it could be made again; those of one service that lack the same are one line. A service that was reported
/// is left in peace for `kQuiet`, so that a lack that comes and goes does not fill the log.
class Uncheckable {
public:
    static constexpr Duration kQuiet = std::chrono::seconds(10);

    /// The last check of this backend.
    void on_check(BackendId id, const std::shared_ptr<const Service>& service, const std::string& backend,
                  const ProbeResult& result);

    /// What is to be reported now: "postgres/pg-1 cannot be checked: Too many open files", "postgres/pg-1 and
    /// 2 more backends cannot be checked: ...". Ids that are not `known` any more are forgotten.
    std::vector<Event> take_due(TimePoint now, const std::function<bool(BackendId)>& known);

private:
    struct Lack {
        std::shared_ptr<const Service> service;
        std::string backend;
        std::string why;
        bool reported = false;
    };
    std::map<BackendId, Lack> lacks_;
    std::map<std::string, TimePoint> reported_at_;  ///< by title of the service
};

}  // namespace reseat::lb
