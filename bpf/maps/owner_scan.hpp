// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "bpf/abi.h"
#include "bpf/maps/mapped_array.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

struct owned_bpf;

namespace reseat::bpf {

/// Finds sockets by what the programs noted on them (lb_owner), in all network namespaces. Thread-safe: one
/// scan at a time.
class OwnerScan {
public:
    /// Where CAP_PERFMON or BTF is missing, each scan says so.
    static std::unique_ptr<OwnerScan> load(int owner_fd);
    ~OwnerScan();
    OwnerScan(const OwnerScan&) = delete;

    /// Calls `visit` for each socket whose record names `life`, or for all that have a record (0).
    /// `expected`: how many may be found; where there are more, the scan is repeated with more room. Costs by
    /// all sockets that were ever balanced and are open; takes no socket's lock. Blocks.
    Result<void> each(std::uint64_t life, std::size_t expected,
                      const std::function<void(const lb_owned&)>& visit);

private:
    OwnerScan(owned_bpf* skeleton, int owner_fd) : skeleton_(skeleton), owner_fd_(owner_fd) {}
    Result<void> make_room(std::size_t count);
    Result<std::size_t> scan(std::uint64_t life) const;

    owned_bpf* skeleton_;  ///< null: it cannot be loaded
    int owner_fd_;
    std::mutex mutex_;
    MappedArray<lb_owned> found_;
};

}  // namespace reseat::bpf
