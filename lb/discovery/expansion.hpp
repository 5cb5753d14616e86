// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/memberships.hpp"
#include "lb/discovery/names.hpp"

#include <cstddef>
#include <vector>

namespace reseat::lb {

/// In all services together; what is beyond is left out.
inline constexpr std::size_t kMaxExpandedBackends = 65'536;

/// Between the levels that a configuration has, for the priorities of SRV records.
inline constexpr unsigned kSrvPriorities = 65'536;

/// What DNS says of one name, as an assignment.
Assignment assignment_of(const NameView& view);

/// `services` with an address for each backend: those that are written first, then those of the names, called
/// NAME@ADDRESS, then those of sources, called NAME@POD or NAME@ADDRESS. `views` are Names::view() of the
/// same services, `sources` Memberships::view(); without `sources` no source is known. An address that is
/// there twice is the first's.
///
/// A service with `until_known: pass` and nothing but sources that were never heard has no address.
///
/// In a service with SRV records a backend's priority is `priority` × kSrvPriorities + the record's: the
/// records order the backends within one level of the configuration. Weights of records are scaled down to at
/// most 256 for each entry; 0 counts as 1.
///
/// Where a source has an order of its own, a backend's priority is `priority` × kSrvPriorities + its level.
std::vector<Service> expand(std::vector<Service> services, const std::vector<NameView>& views,
                            const std::vector<SourceView>& sources = {});

/// Whether views of the same services, of two moments, expand to the same.
bool expand_alike(const std::vector<NameView>& before, const std::vector<NameView>& now);

}  // namespace reseat::lb
