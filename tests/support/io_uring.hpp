// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "tests/support/socket_address.hpp"

#include <linux/io_uring.h>
#include <sys/mman.h>

namespace reseat::test {

/// An io_uring of one entry, by bare system calls: as much as it takes to connect a socket.
class IoUring {
public:
    /// Throws std::system_error: ENOSYS or EPERM where the kernel has none or forbids it.
    IoUring();
    IoUring(const IoUring&) = delete;
    IoUring& operator=(const IoUring&) = delete;
    ~IoUring();

    /// IORING_OP_CONNECT, waited for; errno. `flags`: IOSQE_ASYNC has a worker thread of the kernel do it.
    int connect(int fd, const SocketAddress& to, unsigned char flags = 0);

private:
    template <class T>
    T* at(std::uint32_t offset) const {
        return reinterpret_cast<T*>(rings_ + offset);
    }

    io_uring_params params_{};
    UniqueFd fd_;
    char* rings_ = nullptr;
    std::size_t rings_size_ = 0;
    io_uring_sqe* entries_ = nullptr;
};

}  // namespace reseat::test
