// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe.hpp"

#include <optional>

namespace reseat::lb {

/// How a watch connection came to its end.
enum class WatchEnd {
    lost,        ///< the peer refused, closed or reset it: perhaps its process died
    not_opened,  ///< no answer, or no means of ours to connect: says nothing
    talkative,   ///< the peer kept sending: nothing to hold an idle connection to
};

/// Opens one connection to `backend` within `timeout`, then holds it idle until it ends, which may take for
/// ever: it has no deadline. What a server sends as a greeting is read and dropped, up to 64 KiB.
/// Throws operation_aborted when cancelled.
Task<WatchEnd> hold_idle_connection(Endpoint backend, SocketPreparer prepare, Duration timeout);

/// Decides when to open the next watch connection. Pure: step it by hand.
/// A server that ends idle connections (PostgreSQL's authentication_timeout, MariaDB's connect_timeout, which
/// also counts towards max_connect_errors) is tried less and less often, and after five times in a row never
/// again [E68].
class WatchBackoff {
public:
    /// The backend is alive, and yet the connection ended so after it had lasted `lived`: how long to wait
    /// before the next one; nullopt: give up, for good. One that could not be opened is retried for ever.
    std::optional<Duration> on_end(WatchEnd end, Duration lived);

    /// The backend went down: once it is up again, the next connection may follow at once.
    void on_death();

private:
    unsigned closed_ = 0;  ///< in a row, none of them after a long life
    Duration delay_{};
};

}  // namespace reseat::lb
