// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace reseat::test {

/// To be followed by a return: this test cannot run here, for want of something that a probe has just missed.
/// It counts as skipped, in ctest and in tests/matrix; where CI is set, as failed.
void skip(const std::string& why);

/// Whether instructions are interpreted, as in tests/matrix: ten times slower, and not evenly.
bool is_emulated();

}  // namespace reseat::test
