// SPDX-License-Identifier: Apache-2.0
#include "tests/support/skip.hpp"

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace reseat::test {

void skip(const std::string& why) {
    if (std::getenv("CI")) FAIL("this cannot be left out in CI: " + why);
    WARN("skipped: " + why);  // SKIP_REGULAR_EXPRESSION in tests/CMakeLists.txt, and tests/matrix/init
}

bool is_emulated() {
    std::stringstream text;
    text << std::ifstream("/proc/cpuinfo").rdbuf();
    return text.str().find("QEMU TCG CPU") != std::string::npos;
}

}  // namespace reseat::test
