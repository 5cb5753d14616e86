// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace reseat::lb {

/// Counts the machines behind backends. Addresses of backends with the same name are of one machine, and so
/// are equal addresses. Where nothing says which IPv4 and which IPv6 address belong together, as many as
/// possible do: counted are the fewest machines that there can be.
class Machines {
public:
    void add(const std::string& name, const Address& address);
    std::size_t fewest() const { return count_[3] + std::max(count_[1], count_[2]); }
    void clear() { *this = {}; }

private:
    struct Node {
        std::size_t parent;
        unsigned families;  ///< of the whole machine, if this is its root: 1: IPv4, 2: IPv6, 3: both
    };
    template <class Key>
    std::size_t node_of(std::map<Key, std::size_t>& known, const Key& key, unsigned families);
    std::size_t root_of(std::size_t node);

    std::map<std::string, std::size_t> by_name_;
    std::map<Address, std::size_t> by_address_;
    std::vector<Node> nodes_;
    std::array<std::size_t, 4> count_{};  ///< machines, by their families
};

/// Distinguishes a failure of the local network from one of the backends [E67]. It is suspected when, since a
/// backend on another machine last answered a check, backends on two machines at least have fallen silent.
/// One machine that dies is no such case, whatever it serves, nor is anything while another one answers.
/// Pure: step it by hand.
class NetworkSuspicion {
public:
    struct Silence {
        ServiceId service = 0;
        std::string backend;  ///< its name
        Address address;
        TimePoint asked_at;
        Duration round{};  ///< how long it takes to ask this backend once more
    };
    /// A check of a backend on another machine got no answer, and the one before it did, or there was none.
    void on_silence(const Silence& silence);
    /// A check of a backend on another machine was answered. True: what is held need not be held any more.
    /// `was_silent`: it is back itself, and so may others be: what is held waits for them.
    bool on_answer(TimePoint now, bool was_silent);

    /// To be asked with a verdict "no answer": true when a suspicion begins with it.
    bool begins(TimePoint now);
    /// While suspicion lasts, until when the consequences of a verdict of now are held: for one round, the
    /// longest of all that were known when it began.
    std::optional<TimePoint> hold(TimePoint now);

    /// What the suspicion rests on.
    std::size_t services() const { return services_.size(); }
    std::size_t machines() const { return machines_.fewest(); }
    Duration round() const { return round_; }

private:
    std::optional<TimePoint> answered_at_;  ///< the last answer of all
    Machines machines_;                     ///< that fell silent since then
    std::set<ServiceId> services_;          ///< of theirs
    Duration silent_round_{};               ///< the longest of theirs
    bool begun_ = false;                    ///< since then
    Duration round_{};                      ///< of the last suspicion
    TimePoint over_at_{}, held_to_{};
};

}  // namespace reseat::lb
