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

/// Since when DNS does not name an address any more.
struct Absence {
    TimePoint since{};
    std::chrono::system_clock::time_point at{};  ///< the same, for people

    bool operator==(const Absence&) const = default;
};

/// One backend that a name resolves to.
struct NamedEndpoint {
    Endpoint endpoint;
    std::optional<SrvRecord> srv;   ///< the record that brought it
    std::optional<Absence> absent;  ///< it is held (hold.hpp); nothing: DNS names it

    bool operator==(const NamedEndpoint&) const = default;
};

/// An endpoint that is no server but the address of a service: a connection is balanced once only.
struct ServiceEndpoint {
    Endpoint endpoint;
    std::string service;

    bool operator==(const ServiceEndpoint&) const = default;
};

/// What is known of one entry of a configuration.
struct NameView {
    std::string service;
    Protocol protocol = Protocol::tcp;
    NamedBackends named;
    SocketFate on_remove = SocketFate::drain;
    Duration hold{};
    std::vector<NamedEndpoint> endpoints;  ///< sorted, each once
    std::string error;                     ///< of the name or a target of its SRV records; empty: no error
    std::chrono::system_clock::time_point good_at{};
    TimePoint next{};  ///< it, or a target of its, is asked for then
    std::size_t left_out = 0;
    std::vector<ServiceEndpoint> service_endpoints;  ///< those of `endpoints` that are
};

/// Views of the same entry of a configuration, now and later, have the same.
using NameKey = std::tuple<std::string_view, Protocol, std::string_view, RecordType, std::uint16_t>;
NameKey key_of(const NameView& view);

/// All names that a configuration needs, and the targets of their SRV records. Each is asked for once,
/// however many services use it. Pure: the caller asks, and brings the answers.
///
/// Targets that DNS replaced serve, family by family, until the addresses of the new ones are known.
class Names {
public:
    /// Names that may wait for an answer at a time.
    static constexpr std::size_t kAtOnce = 64;

    /// The names of these services are wanted and no others. What is known of a name that stays is kept.
    void follow(const std::vector<Service>& services, TimePoint now);
    /// These are wanted too, until the next follow().
    void want(const std::vector<Service>& services, TimePoint now);
    /// What served in this service before this process: good for its names until they have records.
    void inherit(const std::string& service, Protocol protocol, std::vector<Endpoint> endpoints);

    /// The questions to be asked now; from then on they are on their way.
    std::vector<Question> take_due(TimePoint now);
    /// When there will be some; nothing: not before an answer or another configuration comes.
    std::optional<TimePoint> next_due() const;
    /// True when view() has something new. An answer without a question is ignored.
    bool on_answer(const Lookup& lookup, Query query, Found found, TimePoint now,
                   std::chrono::system_clock::time_point at, double random);
    /// When what is new is to be reported: at once, or, while the other family of a name is on its way,
    /// kResolutionDelay later. Nothing: there is nothing new.
    std::optional<TimePoint> news_at() const { return news_at_; }
    void told() { news_at_ = std::nullopt; }
    /// All are asked for at once: the name servers have changed.
    void hurry(TimePoint now);

    /// Each name of these services, and each target of its SRV records, was answered or failed; of a
    /// family that has no answer kResolutionDelay after the other one nothing is expected.
    bool answered(const std::vector<Service>& services, TimePoint now) const;
    /// The names that answered() waits for, as they are written, each once.
    std::vector<std::string> unanswered(const std::vector<Service>& services, TimePoint now) const;
    /// In the order of the services.
    std::vector<NameView> view(const std::vector<Service>& services) const;

private:
    using Records = std::vector<SrvRecord>;

    void keep_what_is_wanted(TimePoint now);
    void set_due(const Lookup& lookup, const NameState& state);
    void retire(const Lookup& lookup, const Records& before, const Records& now);
    bool serves_still(const Lookup& lookup, Family family) const;
    void let_go(TimePoint now);
    /// The lookups that make up this entry, itself first.
    std::vector<Lookup> lookups(const NamedBackends& named, NameFamily family) const;
    NameView view(const Service& service, const NamedBackends& named) const;
    bool answered(const Lookup& lookup, TimePoint now) const;
    void add_records(NameView& view, const Records& records, NameFamily family) const;
    void add_retired(NameView& view, const Lookup& lookup) const;
    void add_inherited(const Service& service, std::vector<NameView>& views) const;

    std::set<Lookup> configured_;
    std::map<Lookup, NameState> states_;          ///< of the configured ones and their targets
    std::set<std::pair<TimePoint, Lookup>> due_;  ///< those that do not wait for an answer
    std::map<Lookup, TimePoint> due_at_;          ///< the same, by lookup
    std::map<Lookup, Records> retired_;  ///< replaced in the answer to this lookup, and serving still
    std::optional<TimePoint> news_at_;
    std::map<std::pair<std::string, Protocol>, std::vector<Endpoint>> inherited_;
};

}  // namespace reseat::lb
