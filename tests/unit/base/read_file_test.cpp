// SPDX-License-Identifier: Apache-2.0
#include "base/read_file.hpp"

#include "tests/support/catch.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace reseat;
using Catch::Contains;

TEST_CASE("a file is read whole, however long it is and whatever its size says", "[read_file]") {
    char name[] = "/tmp/reseat-read-file-XXXXXX";
    const int made = ::mkstemp(name);
    REQUIRE(made >= 0);
    std::FILE* file = ::fdopen(made, "w");
    const std::string text(100'000, 'x');
    std::fputs(text.c_str(), file);
    std::fclose(file);
    CHECK(read_file(name).value() == text);
    std::remove(name);
    CHECK_FALSE(read_file("/proc/self/status").value().empty());  // st_size is 0
}

TEST_CASE("a read that fails is an error that names the file, not an exception [E83]", "[read_file]") {
    CHECK_THAT(read_file("/nowhere/at/all").error().message, Contains("/nowhere/at/all: No such file"));
    CHECK_THAT(read_file("/proc/self").error().message, Contains("/proc/self: Is a directory"));
}
