// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/owned_sockets.hpp"

#include "bpf/maps/byte_order.hpp"

#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace reseat::bpf {

lb::LifeId life_of(const lb_owner& owner, const lb_endpoint& peer) {
    return (same_endpoint(owner.current.peer, peer) ? owner.current : owner.previous).life;
}

Result<std::vector<lb_owned>> owned_sockets(const Programs& programs, lb::LifeId life) {
    auto sockets = programs.iterate_owned(life);
    if (!sockets) return sockets.error();
    std::vector<lb_owned> owned;
    std::vector<std::uint8_t> buffer(64 * 1024);
    std::size_t filled = 0;
    while (true) {
        const ssize_t length = read(sockets->fd.get(), buffer.data() + filled, buffer.size() - filled);
        if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;  // EAGAIN: 1,000,000 were seen
        if (length < 0) return system_error("read the owners of sockets", errno);
        if (length == 0) return owned;
        filled += static_cast<std::size_t>(length);
        std::size_t at = 0;
        for (; filled - at >= sizeof(lb_owned); at += sizeof(lb_owned)) {
            lb_owned entry;
            std::memcpy(&entry, buffer.data() + at, sizeof(entry));
            owned.push_back(entry);
        }
        std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(at),
                  buffer.begin() + static_cast<std::ptrdiff_t>(filled), buffer.begin());
        filled -= at;
    }
}

}  // namespace reseat::bpf
