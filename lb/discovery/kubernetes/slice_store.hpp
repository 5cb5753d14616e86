// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/assignment.hpp"
#include "lb/discovery/kubernetes/slice.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace reseat::lb::kubernetes {

/// All slices of one namespace that were heard of. What is said of a Service is a function of them, whatever
/// the order in which they came. Pure.
class SliceStore {
public:
    /// All there are. Returns the Services of which something changed; the slice's version does not count.
    std::set<std::string> replace(std::vector<Slice> all);
    std::set<std::string> put(Slice slice);
    std::set<std::string> erase(const std::string& slice);

    /// The endpoints of a Service at `port`, a name, a number or empty for the only one. Where that does not
    /// say which port is meant, `error` lists those there are. A Service without slices is absent.
    Assignment assignment(const std::string& service, const std::string& port, Protocol protocol) const;
    std::size_t slices_of(const std::string& service) const;

private:
    void index(const Slice& slice);
    void unindex(const Slice& slice);

    std::map<std::string, Slice> slices_;
    std::map<std::string, std::set<std::string>> by_service_;  ///< names of slices
};

}  // namespace reseat::lb::kubernetes
