// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/name_state.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace reseat::lb {

/// One backend that a name stands for.
struct NamedEndpoint {
    Endpoint endpoint;
    std::optional<SrvRecord> srv;  ///< the record that brought it

    bool operator==(const NamedEndpoint&) const = default;
};

/// What is known of one entry of a configuration.
struct NameView {
    std::string service;
    Protocol protocol = Protocol::tcp;
    NamedBackends named;
    SocketFate on_remove = SocketFate::drain;
    std::vector<NamedEndpoint> endpoints;  ///< sorted, each once
    std::string error;                     ///< of the name or a target of its SRV records; empty: all is well
    std::chrono::system_clock::time_point good_at{};
    TimePoint next{};  ///< it, or a target of its, is asked for then
    std::size_t left_out = 0;
};

/// All names that a configuration needs, and the targets of their SRV records. Each is asked for once,
/// however many services have it. Pure: the caller asks, and brings the answers.
class Names {
public:
    /// Questions that may be on their way at a time.
    static constexpr std::size_t kAtOnce = 64;

    /// The names of these services are wanted and no others. What is known of a name that stays is kept.
    void follow(const std::vector<Service>& services, TimePoint now);
    /// These are wanted too, until the next follow().
    void want(const std::vector<Service>& services, TimePoint now);
    /// What served in this service before this process: good for its names until they have records.
    void inherit(const std::string& service, Protocol protocol, std::vector<Endpoint> endpoints);

    /// The questions to be asked now; from then on they are on their way.
    std::vector<Lookup> take_due(TimePoint now);
    /// When there will be some; nothing: not before an answer or another configuration comes.
    std::optional<TimePoint> next_due() const;
    /// True when view() or expand() have something new to tell. An answer that nobody wants is ignored.
    bool on_answer(const Lookup& lookup, Answer answer, TimePoint now,
                   std::chrono::system_clock::time_point at, double random);
    /// All are asked for at once: whoever answers is another one now.
    void hurry(TimePoint now);

    /// Each name of these services, and each target of its SRV records, was answered, well or not.
    bool answered(const std::vector<Service>& services) const;
    /// In the order of the services.
    std::vector<NameView> view(const std::vector<Service>& services) const;

private:
    void keep_what_is_wanted(TimePoint now);
    /// The lookups that make up this entry, itself first.
    std::vector<Lookup> lookups(const NamedBackends& named) const;
    NameView view(const Service& service, const NamedBackends& named) const;
    void add_inherited(const Service& service, std::vector<NameView>& views) const;

    std::set<Lookup> configured_;
    std::map<Lookup, NameState> states_;          ///< of the configured ones and their targets
    std::set<std::pair<TimePoint, Lookup>> due_;  ///< those that are not on their way
    std::map<std::pair<std::string, Protocol>, std::vector<Endpoint>> inherited_;
};

}  // namespace reseat::lb
