// SPDX-License-Identifier: Apache-2.0
#include "bpf/owned_sockets.hpp"

#include "bpf/byte_order.hpp"

#include <cerrno>
#include <cstring>
#include <functional>

#include <unistd.h>

namespace reseat::bpf {

lb::LifeId life_of(const lb_owner& owner, const lb_endpoint& peer) {
    return (same_endpoint(owner.current.peer, peer) ? owner.current : owner.previous).life;
}

namespace {

lb::Result<std::vector<lb_owned>> read_owned(const Programs& programs,
                                             const std::function<bool(const lb_owner&)>& wanted) {
    auto fd = programs.iterate_owned();
    if (!fd) return fd.error();
    std::vector<lb_owned> owned;
    std::vector<std::uint8_t> buffer(64 * 1024);
    std::size_t filled = 0;
    while (true) {
        const ssize_t length = read(fd->get(), buffer.data() + filled, buffer.size() - filled);
        if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;  // EAGAIN: 1,000,000 were seen
        if (length < 0) return lb::system_error("read the owners of sockets", errno);
        if (length == 0) return owned;
        filled += static_cast<std::size_t>(length);
        std::size_t at = 0;
        for (; filled - at >= sizeof(lb_owned); at += sizeof(lb_owned)) {
            lb_owned entry;
            std::memcpy(&entry, buffer.data() + at, sizeof(entry));
            if (wanted(entry.owner)) owned.push_back(entry);
        }
        std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(at),
                  buffer.begin() + static_cast<std::ptrdiff_t>(filled), buffer.begin());
        filled -= at;
    }
}

}  // namespace

lb::Result<std::vector<lb_owned>> owned_sockets(const Programs& programs, lb::LifeId life) {
    return read_owned(programs, [&](const lb_owner& owner) {
        return owner.current.life == life || owner.previous.life == life;
    });
}

lb::Result<std::vector<lb_owned>> owned_sockets(const Programs& programs) {
    return read_owned(programs, [](const lb_owner&) { return true; });
}

}  // namespace reseat::bpf
