// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/watch.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace reseat::lb {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr unsigned kCloses = 5;
constexpr Duration kFirstDelay = 10s;
constexpr Duration kLongestDelay = 5min;
constexpr Duration kYoung = 500ms;
/// How long a host that is back has for its answer, with one probe lost.
constexpr Duration kExamination = 2500ms;

}  // namespace

void WatchPolicy::on_end(WatchEnd end) {
    given_up_ |= end == WatchEnd::talkative || (end == WatchEnd::lost && ++closes_ >= kCloses);
}

void WatchPolicy::on_unanswered_close(TimePoint now) {
    delay_ = std::clamp(2 * delay_, kFirstDelay, kLongestDelay);
    not_before_ = now + delay_;
}

void WatchPolicy::on_death() {
    closes_ = 0;
    delay_ = Duration::zero();
    not_before_ = {};
}

/// One connection. Lives on in its own operation until that has ended.
class ConnectionWatch::Held : public std::enable_shared_from_this<Held> {
public:
    Held(ConnectionWatch& watch, asio::ip::tcp::socket socket)
        : watch_(&watch), socket_(std::move(socket)), since_(steady_clock::now()) {}

    TimePoint since() const { return since_; }

    void listen() {
        socket_.async_wait(asio::socket_base::wait_read,
                           [self = shared_from_this()](const error_code& error) {
                               if (self->watch_ && !error) self->look();
                           });
    }

    /// Sends a probe now, at the end of repair mode: a segment of the window's left edge, as keepalive has
    /// it, which the peer's kernel acknowledges, or resets if it knows no such connection. Its process sees
    /// nothing. Without CAP_NET_ADMIN nothing is sent.
    void ask() {
        const int repair = 1, sends_probe = 0;
        if (::setsockopt(fd(), IPPROTO_TCP, TCP_REPAIR, &repair, sizeof repair) != 0) return;
        ::setsockopt(fd(), IPPROTO_TCP, TCP_REPAIR, &sends_probe, sizeof sends_probe);
        asked_at_ = steady_clock::now();
    }

    /// Says that we are done; the peer's end is still awaited.
    void shut_down() {
        error_code ignored;
        socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    }

    /// Asks, also again each second by keepalive, and ends after `limit`.
    void examine(Duration limit) {
        asked_at_ = steady_clock::now();
        ask();
        const int on = 1, second = 1;
        ::setsockopt(fd(), IPPROTO_TCP, TCP_KEEPIDLE, &second, sizeof second);
        ::setsockopt(fd(), IPPROTO_TCP, TCP_KEEPINTVL, &second, sizeof second);
        ::setsockopt(fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        timer_.emplace(socket_.get_executor(), limit);
        timer_->async_wait([self = shared_from_this()](const error_code& error) {
            if (!error && self->watch_) self->watch_->on_event(*self, std::nullopt);
        });
    }

    void close() {
        watch_ = nullptr;
        error_code ignored;
        if (timer_) timer_->cancel();
        socket_.close(ignored);
    }

    /// What happened to it, if anything.
    std::optional<WatchEnd> end() {
        char byte;
        const auto got = ::recv(fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
        if (got > 0) return WatchEnd::talkative;
        if (got == 0) return WatchEnd::lost;
        if (errno == EAGAIN || errno == EINTR) return std::nullopt;
        return errno == ECONNRESET && asked_at_ && !was_acknowledged() ? WatchEnd::forgotten : WatchEnd::lost;
    }

private:
    /// The peer knew the connection when it was asked: what reset it then is its process.
    bool was_acknowledged() {
        constexpr auto kTick = std::chrono::milliseconds(20);  // two of the slowest kernel's
        tcp_info info{};
        socklen_t size = sizeof info;
        if (::getsockopt(fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
        return steady_clock::now() - std::chrono::milliseconds(info.tcpi_last_ack_recv) + kTick > *asked_at_;
    }

    int fd() { return socket_.native_handle(); }

    void look() {
        if (const auto how = end())
            watch_->on_event(*this, how);
        else
            listen();
    }

    ConnectionWatch* watch_;  ///< null: closed
    asio::ip::tcp::socket socket_;
    std::optional<asio::steady_timer> timer_;
    TimePoint since_;
    std::optional<TimePoint> asked_at_;  ///< the last probe
};

ConnectionWatch::ConnectionWatch(OnEnd on_end) : on_end_(std::move(on_end)) {}

ConnectionWatch::~ConnectionWatch() {
    close();
}

void ConnectionWatch::begin_check(bool open) {
    const auto now = steady_clock::now();
    if (leaving_) {
        std::exchange(leaving_, nullptr)->close();
        policy_.on_unanswered_close(now);
    }
    const Duration age = held_ ? now - held_->since() : Duration::max();
    wanted_ = open && age >= kYoung && policy_.may_open(now);
    if (held_ && !silent_) held_->ask();
}

void ConnectionWatch::give(asio::ip::tcp::socket connection) {
    offered_ = std::make_shared<Held>(*this, std::move(connection));
}

void ConnectionWatch::end_check(ProbeOutcome outcome, bool hold) {
    auto offered = std::exchange(offered_, nullptr);
    wanted_ = false;
    if (outcome == ProbeOutcome::not_probed) return;
    if (outcome == ProbeOutcome::no_answer) {
        silent_ = held_ != nullptr;
        return;
    }
    if (std::exchange(silent_, false))
        examine();
    else if (offered || outcome != ProbeOutcome::passed || is_overdue())
        let_go();
    if (!offered) return;
    if (!hold) return offered->close();
    held_ = std::move(offered);
    held_->listen();
}

/// One that the next check may not replace.
bool ConnectionWatch::is_overdue() const {
    const auto now = steady_clock::now();
    return held_ && now - held_->since() >= kYoung && !policy_.may_open(now);
}

void ConnectionWatch::let_go() {
    if (!held_) return;
    if (const auto how = held_->end()) return on_event(*held_, how);
    policy_.on_replaced();
    held_->shut_down();
    if (leaving_) leaving_->close();
    leaving_ = std::exchange(held_, nullptr);
}

void ConnectionWatch::examine() {
    if (!held_) return;
    held_->examine(kExamination);
    if (examined_) examined_->close();
    examined_ = std::exchange(held_, nullptr);
}

/// `how`: nothing: its time is over.
void ConnectionWatch::on_event(Held& held, std::optional<WatchEnd> how) {
    const TimePoint opened = held.since();
    for (auto* one : {&held_, &leaving_, &examined_}) {
        if (one->get() != &held) continue;
        std::exchange(*one, nullptr)->close();
        if (one == &leaving_) return policy_.on_answered_close();
        if (one == &held_) policy_.on_end(*how);
        if (one == &held_ || how == WatchEnd::forgotten) on_end_(*how, opened);
        return;
    }
}

void ConnectionWatch::close() {
    for (auto* one : {&offered_, &held_, &leaving_, &examined_})
        if (const auto closed = std::exchange(*one, nullptr)) closed->close();
    silent_ = wanted_ = false;
}

}  // namespace reseat::lb
