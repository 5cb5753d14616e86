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

/// One family is used without the other one after this: the resolution delay of RFC 8305.
inline constexpr Duration kResolutionDelay = std::chrono::milliseconds(50);

/// The question for one type of record.
enum class Query { a, aaaa, srv };

/// The addresses of a name, or its SRV records. A name that ends with a dot is not looked for in the search
/// domains.
struct Lookup {
    std::string name;
    RecordType type = RecordType::address;
    NameFamily family = NameFamily::any;

    auto operator<=>(const Lookup&) const = default;
};

/// The questions that make up a lookup.
std::vector<Query> queries_of(const Lookup& lookup);

/// Questions of one lookup that are asked at the same time.
struct Question {
    Lookup lookup;
    std::vector<Query> queries;

    bool operator==(const Question&) const = default;
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
        none,   ///< DNS says that the name does not exist, or that it has no record of this type
        failed  ///< no server said anything about it
    };
    Outcome outcome = Outcome::failed;
    bool no_such_name = false;  ///< of `none`: it has no record of any type
    bool silent = false;        ///< of `failed`: no server answered in time
    std::vector<Address> addresses;
    std::vector<SrvRecord> srv;
    Duration ttl{};      ///< of the records: the lowest
    std::string reason;  ///< why there are no records: "SERVFAIL"
};

}  // namespace reseat::lb
