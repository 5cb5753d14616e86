// SPDX-License-Identifier: Apache-2.0
#include "tests/support/io_uring.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::test {
namespace {

void* map(int fd, std::size_t size, off_t what) {
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "map an io_uring");
    return memory;
}

}  // namespace

IoUring::IoUring() {
    fd_.reset(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &params_)));
    if (!fd_) throw std::system_error(errno, std::generic_category(), "io_uring_setup");
    if (!(params_.features & IORING_FEAT_SINGLE_MMAP))
        throw std::system_error(ENOSYS, std::generic_category(), "io_uring with one mapping");
    rings_size_ = std::max(params_.sq_off.array + params_.sq_entries * sizeof(std::uint32_t),
                           params_.cq_off.cqes + params_.cq_entries * sizeof(io_uring_cqe));
    rings_ = static_cast<char*>(map(fd_.get(), rings_size_, IORING_OFF_SQ_RING));
    entries_ = static_cast<io_uring_sqe*>(map(fd_.get(), sizeof(io_uring_sqe), IORING_OFF_SQES));
}

IoUring::~IoUring() {
    ::munmap(entries_, sizeof(io_uring_sqe));
    ::munmap(rings_, rings_size_);
}

int IoUring::connect(int fd, const SocketAddress& to, unsigned char flags) {
    *entries_ = {};
    entries_->opcode = IORING_OP_CONNECT;
    entries_->flags = flags;
    entries_->fd = fd;
    entries_->addr = reinterpret_cast<std::uintptr_t>(to.get());
    entries_->off = to.length;
    *at<std::uint32_t>(params_.sq_off.array) = 0;
    std::atomic_ref(*at<std::uint32_t>(params_.sq_off.tail)).fetch_add(1, std::memory_order_release);
    if (::syscall(SYS_io_uring_enter, fd_.get(), 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) != 1) return errno;
    std::atomic_ref head(*at<std::uint32_t>(params_.cq_off.head));
    const auto mask = *at<std::uint32_t>(params_.cq_off.ring_mask);
    const int result = at<io_uring_cqe>(params_.cq_off.cqes)[head.load() & mask].res;
    head.fetch_add(1, std::memory_order_release);
    return -result;
}

}  // namespace reseat::test
