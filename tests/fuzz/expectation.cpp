// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/probe_socket.hpp"
#include "tests/fuzz/targets.hpp"

#include <algorithm>

namespace reseat::fuzz {

void expectation(Bytes input) {
    if (input.size() < 3) return;
    const std::size_t length = std::min<std::size_t>(input[0] % 16 + 1U, input.size() - 2);
    const std::size_t piece = input[1] % 8 + 1U;
    const auto wanted = text_of(input.subspan(2, length));
    const auto stream = text_of(input.subspan(2 + length));
    lb::Expectation expectation(wanted);
    bool found = false;
    for (std::size_t at = 0; at < stream.size() && !found; at += piece)
        found = expectation.add(stream.substr(at, piece));
    require(found == (stream.find(wanted) != std::string_view::npos));
}

}  // namespace reseat::fuzz
