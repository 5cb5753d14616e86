// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/wake_up.hpp"
#include "lb/control/report/event.hpp"
#include "lb/discovery/hold.hpp"
#include "proxy/discovery/resolver.hpp"
#include "proxy/discovery/sources.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace reseat::proxy {

/// Keeps backends by DNS name what DNS says, and those of sources what these say: asks when a TTL is over, or
/// when /etc/hosts or /etc/resolv.conf change, and has other addresses put in force. What DNS does not name
/// any more is held for a while where it passes its checks. All on one thread.
class Discovery {
public:
    /// Puts services, all backends with addresses, in force.
    using Apply = std::function<Result<void>(std::vector<lb::Service>)>;

    /// `prepare` gets each socket before it connects; `tell` gets what is new of names.
    Discovery(asio::any_io_executor executor, lb::SocketPreparer prepare, Apply apply,
              lb::Passing passing = {}, lb::EventSink tell = lb::log_event, lb::Failing failing = {});

    /// Asks for ever. Ends by cancellation. Nothing is put in force before follow().
    Task<void> run();
    /// Hears of changed files, for ever; where inotify is not to be had it says so and ends.
    Task<void> watch_files();

    /// Asks for the names and sources of these services that are not known yet, and waits for the answers for
    /// at most `at_most`, for sources alone at most `sources_at_most`. False: there was nothing to ask. One
    /// caller at a time waits; run() must run.
    Task<bool> learn(const std::vector<lb::Service>& services, Duration at_most, Duration sources_at_most);

    /// "pg.internal, db.internal (asking 10.0.0.1, 10.0.0.2)": names that have no answer yet, not even a bad
    /// one; "": there is none.
    std::string waits_for(const std::vector<lb::Service>& services) const;

    /// These are in force: expand(services) was, or is about to be.
    void follow(std::vector<lb::Service> services);
    /// A backend does not pass its checks any more: where it is held, it goes.
    void on_failing_backend();

    void inherit(const std::string& service, Protocol protocol, std::vector<Endpoint> endpoints) {
        names_.inherit(service, protocol, std::move(endpoints));
    }
    /// Sources, of which the fewest calls go through here. What they know from before serves at once; what
    /// they say is put in force after follow().
    Sources& sources() { return sources_; }
    const Sources& sources() const { return sources_; }
    std::vector<lb::SourceView> source_view() const { return sources_.view(services_); }
    /// What the guard holds in this service goes. Returns how many endpoints that are.
    std::size_t accept(const std::string& service) { return sources_.accept(service); }

    /// With what is known now.
    std::vector<lb::Service> expand(const std::vector<lb::Service>& services) const;
    std::vector<lb::NameView> view(const std::vector<lb::Service>& services) const;
    /// Of the services that are in force.
    std::vector<lb::NameView> view() const { return view(services_); }

private:
    bool answered(const std::vector<lb::Service>& services) const;
    Task<void> watch(const char* path, std::function<void()> changed);
    Task<bool> all_answered(const std::vector<lb::Service>& services);
    void on_answer(const lb::Lookup& lookup, lb::Query query, lb::Found found);
    bool is_time_to_tell() const;
    void tell_and_apply();
    void on_source();
    void step_sources();
    Duration pause() const;

    asio::any_io_executor executor_;
    Apply apply_;
    lb::Passing passing_;
    lb::EventSink tell_;
    lb::Names names_;
    std::vector<lb::Service> services_;   ///< in force, as they are written
    std::vector<lb::NameView> told_;      ///< what serves
    std::optional<TimePoint> hold_over_;  ///< of the first that is held
    bool reconsider_ = false;
    bool refused_ = false;  ///< what is known is not in force: tried again soon
    WakeUp wake_up_;
    Sources sources_;
    std::optional<TimePoint> sources_at_;  ///< they are looked at then
    TimePoint sources_seen_{};
    asio::steady_timer answered_;  ///< never runs out: cancelled at each answer
    std::minstd_rand random_{std::random_device{}()};
    Resolver resolver_;
};

/// Runs `loop` until `discovery` has learnt the names of these services or `at_most` is over.
void learn_now(asio::io_context& loop, Discovery& discovery, const std::vector<lb::Service>& services,
               Duration at_most, Duration sources_at_most);

}  // namespace reseat::proxy
