// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <sys/mman.h>

namespace reseat::bpf {

/// A BPF_F_MMAPABLE array map seen as memory: element i is written by ordinary (atomic) stores, without a
/// system call. Another version's elements may be longer than T: then T is what they begin with. T's size
/// must be a multiple of 8, as the kernel pads elements to that.
template <class T>
class MappedArray {
    static_assert(sizeof(T) % 8 == 0);

public:
    static Result<MappedArray> map(int map_fd, std::size_t elements, std::size_t stride = sizeof(T)) {
        void* memory = mmap(nullptr, elements * stride, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
        if (memory == MAP_FAILED) return system_error("map a BPF array into memory", errno);
        return MappedArray(static_cast<std::byte*>(memory), elements, stride);
    }
    MappedArray() = default;
    MappedArray(MappedArray&& other) noexcept { *this = std::move(other); }
    MappedArray& operator=(MappedArray&& other) noexcept {
        if (this != &other) {
            if (memory_) munmap(memory_, size_ * stride_);
            memory_ = std::exchange(other.memory_, nullptr);
            size_ = std::exchange(other.size_, 0);
            stride_ = other.stride_;
        }
        return *this;
    }
    ~MappedArray() {
        if (memory_) munmap(memory_, size_ * stride_);
    }

    T& operator[](std::size_t index) const { return *reinterpret_cast<T*>(memory_ + index * stride_); }
    std::size_t size() const { return size_; }

private:
    MappedArray(std::byte* memory, std::size_t size, std::size_t stride)
        : memory_(memory), size_(size), stride_(stride) {}
    std::byte* memory_ = nullptr;
    std::size_t size_ = 0;
    std::size_t stride_ = sizeof(T);
};

/// The array of whichever set of maps is in use. Any thread may read it; a reference stays good when another
/// set takes over, as the arrays of all sets before are kept (each is at least twice the one before).
template <class T>
class LiveArray {
public:
    T& operator[](std::size_t index) const { return (*current_.load(std::memory_order_acquire))[index]; }
    std::size_t size() const { return current_.load(std::memory_order_acquire)->size(); }
    /// That element in the arrays of all sets, the oldest first. On the thread that calls use().
    template <class Visit>
    void each(std::size_t index, Visit visit) const {
        for (const auto& array : all_)
            if (index < array->size()) visit((*array)[index]);
    }
    void use(MappedArray<T> array) {
        all_.push_back(std::make_unique<MappedArray<T>>(std::move(array)));
        current_.store(all_.back().get(), std::memory_order_release);
    }

private:
    std::vector<std::unique_ptr<MappedArray<T>>> all_;
    std::atomic<MappedArray<T>*> current_ = nullptr;
};

}  // namespace reseat::bpf
