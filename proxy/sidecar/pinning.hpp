// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "lb/model.hpp"

#include <string>

namespace reseat::proxy {

/// Where to pin, and why there or nowhere.
struct PinChoice {
    std::string directory;    ///< empty: nothing is pinned
    std::string reason;       ///< one sentence, for people
    bool surprising = false;  ///< `auto` found no place: to be said as a warning
};

/// Follows `pin` and `on_exit` of the configuration. `unsupported`: a directory is asked for, or is needed
/// for `on_exit: keep`, and there is no bpffs that we may write to.
Result<PinChoice> choose_pin(const lb::Model& model, const std::string& instance);

/// Where `pin: auto` pins: /sys/fs/bpf/reseat/INSTANCE, each dot of the name replaced by a colon.
std::string default_pin(const std::string& instance);

/// Error, with what to do about it: `directory` is not, or cannot be made, in a bpffs that we may write to.
Result<void> can_pin_in(const std::string& directory);

}  // namespace reseat::proxy
