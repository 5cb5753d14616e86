// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/event.hpp"
#include "lb/discovery/names.hpp"

#include <string>
#include <vector>

namespace reseat::lb {

/// "this very service", or "the service NAME": the owner of the address that a name resolves to.
std::string owner(const NameView& view, const ServiceEndpoint& found);

/// What is new since `before`, of the same services or others, each once: addresses that changed or are
/// known for the first time, a name that cannot be resolved from now on, one that can again. Trying again in
/// vain is not reported.
std::vector<Event> name_news(const std::vector<NameView>& before, const std::vector<NameView>& now,
                             TimePoint at);

}  // namespace reseat::lb
