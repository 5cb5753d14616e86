// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/event.hpp"
#include "lb/discovery/guard.hpp"
#include "lb/discovery/names.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace reseat::lb {

/// Endpoints that a source has called ready for so long, and that fail their checks, are reported.
inline constexpr Duration kDisagreement = std::chrono::minutes(5);

/// The backends of a service whose last checks failed.
using Failing = std::function<std::set<Endpoint>(const std::string& service, Protocol)>;

/// What is known of one entry of a configuration that a source fills.
struct SourceView {
    std::string service;
    Protocol protocol = Protocol::tcp;
    SourcedBackends entry;
    Assignment said;                        ///< as the source says it, without what cannot be used
    std::vector<ServedEndpoint> endpoints;  ///< that serve: the guard may have others than `said`
    std::size_t disagreements = 0;          ///< called ready, and failing for kDisagreement
    bool from_before = false;  ///< `endpoints` are what a previous process knew: the source has not answered

    std::size_t count(Standing standing) const;  ///< without those that are held
    std::size_t held() const;
};

/// What a previous process knew of one entry.
struct Remembered {
    std::string service;
    Protocol protocol = Protocol::tcp;
    std::string source;  ///< as to_string(SourceRef)
    std::string position;
    std::chrono::system_clock::time_point confirmed_at{};
    std::vector<SourcedEndpoint> endpoints;

    bool operator==(const Remembered&) const = default;
};

/// The entries of a configuration that sources fill, and what serves there. Pure: the caller hears the
/// sources, and steps this by hand.
class Memberships {
public:
    /// Entries of these services and no others. What is known of an entry that stays is kept.
    void follow(const std::vector<Service>& services);
    /// What a previous process knew: good until the source is heard.
    void inherit(std::vector<Remembered> known);
    /// The position up to which the previous process had heard this source; empty: nothing is known.
    std::string position_of(const SourceRef& ref) const;

    /// What a source says now. False: nothing that counts has changed.
    bool on_assignment(const SourceRef& ref, Assignment said);
    const Assignment* said(const SourceRef& ref) const;

    /// Brings what serves up to date; takes the answers of `failing` for each service with an entry.
    void step(TimePoint now, const Failing& failing);
    /// When step() has something to do, though nothing happened.
    std::optional<TimePoint> next() const { return next_; }
    /// Events since the last call.
    std::vector<Event> take_news();

    /// What the guard holds in this service goes at the next step. Returns how many endpoints that are.
    std::size_t accept(const std::string& service);

    /// In the order of the services. Of services that are not followed: what their references say.
    std::vector<SourceView> view(const std::vector<Service>& services) const;
    std::vector<Remembered> remember() const;

private:
    using Key = std::tuple<std::string, Protocol, SourceRef>;
    struct Entry {
        SourcedBackends entry;
        GuardSettings guard_settings;
        Guard guard;
        Assignment said;  ///< without what cannot be used
        std::vector<ServedEndpoint> serves;
        std::map<Endpoint, TimePoint> disagree_since;  ///< called ready, and failing
        bool disagreement_told = false;
        std::size_t disagreements = 0;
        std::string inherited_position;
        std::chrono::system_clock::time_point inherited_at{};
    };

    Assignment usable(const SourceRef& ref, Assignment said) const;
    SourceView view_of(const std::string& service, Protocol protocol, const SourcedBackends& entry) const;
    void tell(const Key& key, const Entry& entry, Event::Type type, Event::Level level, std::string message);
    void compare(const Key& key, Entry& entry, TimePoint now, const std::set<Endpoint>& failing);
    void tell_changes(const Key& key, const Entry& entry, const std::vector<ServedEndpoint>& before,
                      const Assignment& said_before);

    std::map<SourceRef, Assignment> said_;
    std::map<Key, Entry> entries_;
    std::vector<Remembered> inherited_;
    std::map<Endpoint, std::string> service_addresses_;
    std::optional<TimePoint> next_;
    std::vector<Event> news_;
};

/// Whether views of the same services, of two moments, expand to the same.
bool expand_alike(const std::vector<SourceView>& before, const std::vector<SourceView>& now);

}  // namespace reseat::lb
