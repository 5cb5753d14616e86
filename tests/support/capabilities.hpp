// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>

namespace reseat::test {

using Capabilities = std::uint64_t;  ///< bit n: the capability of this number (linux/capability.h)

Capabilities capabilities(std::initializer_list<unsigned> numbers);

/// Leaves the calling thread, and the threads that it starts, `kept` of what it holds, for good. Throws
/// std::system_error.
void keep_only(Capabilities kept);

}  // namespace reseat::test
