// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <functional>
#include <string>

namespace reseat {

/// Keeps `make()` going: what fails or ends is logged and, a second later, started again. Ends by
/// cancellation.
Task<void> keep_running(std::string name, std::function<Task<void>()> make);

}  // namespace reseat
