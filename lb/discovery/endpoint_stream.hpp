// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/document.hpp"

#include <boost/json/object.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::lb {

/// A source of lines says at least so often that it is there.
inline constexpr Duration kBeat = std::chrono::seconds(15);
inline constexpr Duration kSilence = 3 * kBeat;

/// Lines of NDJSON that go on: snapshots, upserts, removals and beats. Pure.
class EndpointStream {
public:
    enum class Heard {
        faulty,  ///< the line is none of the format: see fault(); what was known stays
        beat,    ///< nothing but that the source is there; also a type that is not known
        changed,
    };
    /// A line without its end.
    Heard on_line(std::string_view line);
    const std::string& fault() const { return fault_; }
    /// Before the first snapshot there is nothing to say.
    bool began() const { return began_; }
    std::vector<SourcedEndpoint> endpoints() const;
    /// Another connection begins: with a snapshot again. What was known stays.
    void restart() { began_ = false; }

private:
    Heard fail(std::string fault);
    Heard take(const boost::json::object& line, std::string_view what,
               std::map<Endpoint, SourcedEndpoint> onto);
    Heard remove(const boost::json::object& line);

    std::map<Endpoint, SourcedEndpoint> endpoints_;
    std::string fault_;
    bool began_ = false;
};

}  // namespace reseat::lb
