// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/error.hpp"

#include <cerrno>
#include <cstddef>
#include <utility>

#include <sys/mman.h>

namespace reseat::bpf {

/// A BPF_F_MMAPABLE array map seen as memory: element i is written by ordinary (atomic) stores, without a
/// system call. T's size must be a multiple of 8, as the kernel pads elements to that.
template <class T>
class MappedArray {
    static_assert(sizeof(T) % 8 == 0);

public:
    static lb::Result<MappedArray> map(int map_fd, std::size_t elements) {
        void* memory = mmap(nullptr, elements * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
        if (memory == MAP_FAILED) return lb::system_error("map a BPF array into memory", errno);
        return MappedArray(static_cast<T*>(memory), elements);
    }
    MappedArray() = default;
    MappedArray(MappedArray&& other) noexcept { *this = std::move(other); }
    MappedArray& operator=(MappedArray&& other) noexcept {
        if (this != &other) {
            if (memory_) munmap(memory_, size_ * sizeof(T));
            memory_ = std::exchange(other.memory_, nullptr);
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    ~MappedArray() {
        if (memory_) munmap(memory_, size_ * sizeof(T));
    }

    T& operator[](std::size_t index) const { return memory_[index]; }
    std::size_t size() const { return size_; }

private:
    MappedArray(T* memory, std::size_t size) : memory_(memory), size_(size) {}
    T* memory_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace reseat::bpf
