// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

/// What is asked of DNS, and what comes back.
namespace reseat::lb {

/// Of one answer: more addresses or targets than these are left out, always the same ones.
inline constexpr std::size_t kMaxNameAddresses = 1024;
inline constexpr std::size_t kMaxSrvTargets = 256;

/// All addresses of a name, or its SRV records. A name that ends with a dot is not looked for in the search
/// domains.
struct Lookup {
    std::string name;
    RecordType type = RecordType::address;

    auto operator<=>(const Lookup&) const = default;
};

struct SrvRecord {
    std::uint16_t priority = 0, weight = 0, port = 0;
    std::string target;  ///< ends with a dot

    auto operator<=>(const SrvRecord&) const = default;
};

/// What came of one question: for the A records, for the AAAA records, or for the SRV records of a name.
struct Found {
    enum class Outcome {
        records,
        none,   ///< so says DNS: the name does not exist, or has no record of this type
        failed  ///< nobody said anything about it
    };
    Outcome outcome = Outcome::failed;
    std::vector<Address> addresses;
    std::vector<SrvRecord> srv;
    Duration ttl{};      ///< of the records: the lowest
    std::string reason;  ///< why there are no records: "SERVFAIL"
};

/// One for each question: A and AAAA, or SRV alone.
using Answer = std::vector<Found>;

}  // namespace reseat::lb
