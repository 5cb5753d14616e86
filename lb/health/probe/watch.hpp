// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe_socket.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace reseat::lb {

/// How a connection that was held came to its end, other than by reseat.
enum class WatchEnd {
    lost,       ///< the peer closed or reset it: perhaps its process died
    forgotten,  ///< a keepalive probe on it was answered by a reset: the host lost its state
    talkative,  ///< the peer spoke first: to close on it would be a failed login there
};

/// Decides whether the next check is to leave its connection to the watch. Pure: step it by hand.
/// A server that ends idle connections (PostgreSQL's authentication_timeout) is watched no more after five
/// times in a row; one that speaks first (MariaDB, which counts towards max_connect_errors; SMTP, SSH) after
/// the first time [E68]. One that does not close its end after we closed ours has perhaps hung with a queue
/// that we would fill: the next one comes later and later.
class WatchPolicy {
public:
    bool may_open(TimePoint now) const { return !given_up_ && now >= not_before_; }
    bool given_up() const { return given_up_; }

    void on_end(WatchEnd end);
    void on_unanswered_close(TimePoint now);
    /// It lived until the next check took its place.
    void on_replaced() { closes_ = 0; }
    void on_answered_close() { delay_ = Duration::zero(); }
    /// The backend went down: what comes after it may be another server.
    void on_death();

private:
    bool given_up_ = false;
    unsigned closes_ = 0;  ///< by the peer, in a row
    Duration delay_{};
    TimePoint not_before_{};
};

/// Holds the connection of a check idle until the next check brings another, so that a process death is seen
/// at once and no connection is older than one interval: servers that wait for their connections when they
/// are reloaded wait no longer [E81]. While the backend is silent the connection stays: once it answers
/// again, a keepalive probe on it shows whether its host still knows it [E77].
class ConnectionWatch {
public:
    /// Called from the loop when the peer ends what is held; `opened`: when it had been opened.
    using OnEnd = std::function<void(WatchEnd, TimePoint opened)>;

    explicit ConnectionWatch(OnEnd on_end);
    ~ConnectionWatch();

    /// Before a check. `open`: its connection is wanted, if what is held is not younger than half a second.
    void begin_check(bool open);
    /// Whether the check under way is to finish its handshake and to give its connection.
    bool wants_connection() const { return wanted_; }
    void give(asio::ip::tcp::socket connection);
    /// After the check. `hold`: the backend is up.
    void end_check(ProbeOutcome outcome, bool hold);

    /// Closes what is held. Nothing is reported of it any more.
    void close();

    WatchPolicy& policy() { return policy_; }

private:
    class Held;

    bool is_overdue() const;
    void let_go();
    void examine();
    void on_event(Held& held, std::optional<WatchEnd> how);

    OnEnd on_end_;
    WatchPolicy policy_;
    bool wanted_ = false;
    bool silent_ = false;            ///< the backend did not answer since `held_` was opened
    std::shared_ptr<Held> offered_;  ///< by the check under way
    std::shared_ptr<Held> held_;
    std::shared_ptr<Held> leaving_;   ///< closed on our side
    std::shared_ptr<Held> examined_;  ///< it outlives the checks of its time
};

}  // namespace reseat::lb
