// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <thread>

#ifndef RESEAT_TEST_SLOWNESS
#define RESEAT_TEST_SLOWNESS 1
#endif

namespace reseat::test {

/// How many times longer things may take than usual: sanitizers slow everything down.
inline constexpr int kSlowness = RESEAT_TEST_SLOWNESS;

/// True as soon as `condition()` is, asking every millisecond; what it says at the deadline otherwise, which
/// is kSlowness times `within` away.
template <class Condition>
bool wait_until(Condition condition, std::chrono::milliseconds within = std::chrono::seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + within * kSlowness;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) return condition();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace reseat::test
