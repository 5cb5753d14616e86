// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/run/order_runner.hpp"

#include <unordered_map>
#include <vector>

namespace reseat::lb {

/// Checks whether lives that are to go away still have sockets. A check reads a counter; only where that says
/// nothing is open the data plane is asked whether something hangs there all the same, less and less often.
class DrainWatcher {
public:
    struct Found {
        std::vector<LifeId>
            vacated;  ///< at two looks in a row: a connect that was under way shows at the second
        std::vector<LifeId>
            hanging;  ///< ordered away and open at two looks: order again, more and more rarely
    };

    DrainWatcher(const DataPlane& plane, const OrderRunner& runner) : plane_(plane), runner_(runner) {}

    /// `ordered`: its sockets were ordered away, none may be left. Again for the same life: only that
    /// changes.
    void watch(LifeId life, bool ordered, TimePoint now);
    void forget(LifeId life) { watched_.erase(life); }
    /// Something was done about this life: it is worth a look.
    void on_report(LifeId life, TimePoint now);
    /// It is not vacated, in spite of what look() found.
    void doubt(LifeId life);

    /// Checks those that are due.
    Found look(TimePoint now);

private:
    struct Watched {
        bool ordered = false;
        bool idle = false;  ///< at the last look
        bool open = false;  ///< at the last look
        TimePoint next;
        Duration pause{};
        TimePoint order_next;
        Duration order_pause{};
    };
    enum class Seen { vacated, hanging, other };
    Seen look(LifeId life, Watched& watched, TimePoint now);

    const DataPlane& plane_;
    const OrderRunner& runner_;
    std::unordered_map<LifeId, Watched> watched_;
};

}  // namespace reseat::lb
