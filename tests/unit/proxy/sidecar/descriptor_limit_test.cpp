// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/descriptor_limit.hpp"

#include "tests/support/catch.hpp"

using reseat::proxy::checkable_backends;

TEST_CASE("the limit of descriptors says how many backends can be checked", "[descriptors]") {
    CHECK(checkable_backends(256) == 0);
    CHECK(checkable_backends(1'024) == 384);      // each with a probe and an idle connection
    CHECK(checkable_backends(11'256) == 10'000);  // a probe for 1,000 of them at a time
    CHECK(checkable_backends(2'256) == 1'000);
    CHECK(checkable_backends(2'257) == 1'001);
}
