// SPDX-License-Identifier: Apache-2.0
#include "lb/health/own_address.hpp"

#include "lb/health/probe/probe_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace reseat::lb {

/// The source that the kernel chooses for an address of its own is that address; for 127.1.2.3 it is
/// 127.0.0.1.
bool is_own_address(const Address& address) {
    if (address.is_loopback()) return true;
    constexpr std::uint16_t kDiscard = 9;
    const auto there = to_udp({address, kDiscard});
    const int descriptor = ::socket(there.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return false;
    asio::ip::udp::endpoint here;
    auto size = static_cast<socklen_t>(here.capacity());
    const bool chosen = ::connect(descriptor, there.data(), static_cast<socklen_t>(there.size())) == 0 &&
                        ::getsockname(descriptor, here.data(), &size) == 0;
    ::close(descriptor);
    return chosen && here.address() == there.address();
}

}  // namespace reseat::lb
