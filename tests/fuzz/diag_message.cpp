// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/diag_message.hpp"

#include "tests/fuzz/targets.hpp"

#include <cstring>
#include <vector>

namespace reseat::fuzz {

void diag_message(Bytes input) {
    std::vector<std::uint32_t> aligned((input.size() + 3) / 4);
    if (!input.empty()) std::memcpy(aligned.data(), input.data(), input.size());
    std::size_t seen = 0;
    bpf::read_diag_messages({reinterpret_cast<const std::uint8_t*>(aligned.data()), input.size()}, 6,
                            [&](const bpf::DiagMessage& message) {
                                seen += message.socket.state + static_cast<unsigned>(message.kind);
                                require(message.error >= 0 && message.error < 4096);
                                require(message.socket.state <= 31);
                            });
    require(seen <= 64 * (input.size() + 1));
}

}  // namespace reseat::fuzz
