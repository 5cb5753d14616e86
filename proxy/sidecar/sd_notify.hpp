// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "base/time.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace reseat::proxy {

/// The service manager that expects messages, as in sd_notify(3). By default there is none, and
/// telling does nothing.
class ServiceManager {
public:
    /// The one in $NOTIFY_SOCKET. Takes its variables out of the environment: a child command must not
    /// use it.
    static ServiceManager from_environment();

    bool listens() const { return static_cast<bool>(socket_); }

    /// Assignments, one a line: "READY=1\nSTATUS=...". Never blocks; what cannot be sent is lost.
    void tell(std::string_view message) const;
    /// RELOADING=1, to be followed by READY=1.
    void tell_reloading() const;

    /// Silence for so long counts as death; nothing: it does not.
    std::optional<Duration> watchdog() const { return watchdog_; }

private:
    UniqueFd socket_;  ///< connected
    std::optional<Duration> watchdog_;
};

}  // namespace reseat::proxy
