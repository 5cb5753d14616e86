// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/event.hpp"
#include "lb/model.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace reseat::lb {

/// A source that cannot be heard for so long is reported: a restart is none of anybody's business.
inline constexpr Duration kLostAfter = std::chrono::seconds(5);

/// As the admin interface names them.
BOOST_DEFINE_ENUM_CLASS(SourceState, starting, synced, stale)
BOOST_DEFINE_ENUM_CLASS(SourceFault, connect, tls, unauthorized, forbidden, throttled, server, malformed,
                        failed)

/// Whether one source can be heard, and what was heard, for people. No I/O, no clock.
class SourceRecord {
public:
    using State = SourceState;
    using Fault = SourceFault;

    /// `name` as in "kubernetes db".
    SourceRecord(std::string name, SourceKind kind, std::chrono::system_clock::time_point now)
        : name_(std::move(name)), kind_(kind), since_(now) {}

    /// The source said something, or that it is there.
    void on_heard(std::chrono::system_clock::time_point at);
    /// It cannot be heard; `why` for people, with what to do.
    void on_fault(Fault fault, std::string why, TimePoint now, std::chrono::system_clock::time_point at);
    void count_event(const std::string& type) { ++events_[type]; }
    void count_relist(const std::string& reason) { ++relists_[reason]; }
    void on_change(std::chrono::system_clock::time_point at) { last_change_at_ = at; }
    /// A whole list showed what no change had said.
    void note_repair() { repaired_ = true; }
    void set_version(std::string version) { version_ = std::move(version); }
    void set_refs(std::size_t refs) { refs_ = refs; }

    /// When take_event() has something that no call of the above brought.
    std::optional<TimePoint> next() const;
    /// source_lost or source_back, once each.
    std::optional<Event> take_event(TimePoint now, std::chrono::system_clock::time_point at);

    const std::string& name() const { return name_; }
    SourceKind kind() const { return kind_; }
    State state() const { return state_; }
    bool is_stale() const { return state_ == State::stale; }
    const std::string& error() const { return error_; }
    const std::string& version() const { return version_; }
    std::size_t refs() const { return refs_; }
    std::chrono::system_clock::time_point since() const { return since_; }
    std::chrono::system_clock::time_point heard_at() const { return heard_at_; }
    std::chrono::system_clock::time_point last_change_at() const { return last_change_at_; }
    const std::map<std::string, std::uint64_t>& events() const { return events_; }
    const std::map<std::string, std::uint64_t>& relists() const { return relists_; }
    const std::map<Fault, std::uint64_t>& faults() const { return faults_; }

private:
    std::string name_;
    SourceKind kind_ = SourceKind::file;
    State state_ = State::starting;
    std::chrono::system_clock::time_point since_{}, heard_at_{}, last_change_at_{};
    std::string error_, version_;
    std::size_t refs_ = 0;
    std::optional<TimePoint> fault_since_;
    bool lost_told_ = false;
    bool back_ = false;
    bool repaired_ = false;
    std::string told_;  ///< the error that was told
    std::map<std::string, std::uint64_t> events_, relists_;
    std::map<Fault, std::uint64_t> faults_;
};

}  // namespace reseat::lb
