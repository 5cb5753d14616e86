// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/lookup.hpp"

namespace reseat::lb {

std::vector<Query> queries_of(const Lookup& lookup) {
    if (lookup.type == RecordType::srv) return {Query::srv};
    switch (lookup.family) {
        case NameFamily::ipv4:
            return {Query::a};
        case NameFamily::ipv6:
            return {Query::aaaa};
        case NameFamily::any:
            break;
    }
    return {Query::a, Query::aaaa};
}

}  // namespace reseat::lb
