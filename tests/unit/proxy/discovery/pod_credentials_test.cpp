// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/kubernetes/pod_credentials.hpp"

#include "tests/support/catch.hpp"

using namespace reseat::proxy;

TEST_CASE("when a token of a service account expires", "[pod_credentials]") {
    // {"alg":"none"} . {"exp":1800000000,"sub":"x"} . x
    const auto expiry = expiry_of("eyJhbGciOiJub25lIn0.eyJleHAiOjE4MDAwMDAwMDAsInN1YiI6IngifQ.x");
    REQUIRE(expiry);
    CHECK(*expiry == std::chrono::system_clock::time_point{} + std::chrono::seconds(1'800'000'000));
}

TEST_CASE("what is no such token says nothing", "[pod_credentials]") {
    for (const auto* token : {"", "a", "a.b.c", "..", "a.!!.c", "a.eyJleHAiOiJ4In0.c", "a.eyJleHAiOi0xfQ.c"})
        CHECK_FALSE(expiry_of(token));
}

TEST_CASE("what a pod lacks is said with what to do", "[pod_credentials]") {
    const auto found = look_at_pod("/dev", {});  // it is there, and has no token
    REQUIRE(found.size() == 3);
    CHECK_FALSE(found[1].good);
    CHECK(found[1].seen.find("/dev/token") != std::string::npos);
    CHECK(found[1].remedy.find("serviceAccountToken") != std::string::npos);
    CHECK_FALSE(found[2].good);
}
