// SPDX-License-Identifier: Apache-2.0
#include "lb/control/data_plane.hpp"

namespace reseat::lb {

bool Plan::empty() const {
    return add_services.empty() && change_services.empty() && remove_services.empty() && begin.empty() &&
           tables.empty() && drain.empty() && resume.empty() && condemn.empty() && retire.empty() &&
           overrides.empty();
}

}  // namespace reseat::lb
