// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "bpf/abi.h"
#include "bpf/maps/mapped_array.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace reseat::bpf {

/// A flow as it was read, and the tag that it had then.
struct TaggedFlow {
    std::uint64_t tag = 0;
    lb_flow flow{};
};

/// The index of sockets (abi.h: lb_flow) as it is mapped into this process: chunks of flows, of which there
/// may be more later, and the tag of each flow. What is there stays where it is. Any thread may read.
class FlowMemory {
public:
    /// `chunk`: flows in each, a power of two. `most`: chunks.
    FlowMemory(std::uint32_t chunk, std::uint32_t most);

    std::uint32_t chunk() const { return chunk_; }
    std::uint32_t most_chunks() const { return static_cast<std::uint32_t>(chunks_.size()); }
    std::uint32_t chunks() const { return count_.load(std::memory_order_acquire); }
    std::uint32_t size() const { return chunks() * chunk_; }  ///< flows
    std::uint32_t most_size() const { return most_chunks() * chunk_; }

    /// A chunk for lb_flows, which knows nothing of it yet.
    Result<UniqueFd> make_chunk() const;
    /// Maps it and takes it in as the next one. One thread at a time.
    Result<void> add(UniqueFd chunk);
    /// The map of the chunk, to be pinned and to be put into lb_flows.
    int chunk_fd(std::uint32_t number) const { return chunks_[number]->fd.get(); }
    /// lb_flow_tags. Before the first read.
    Result<void> map_tags(int fd);

    /// Calls `visit(number)` for the flows whose tag is `wanted` in the bits of `mask`. Costs by all flows
    /// that there is room for: 8 bytes are read of each.
    template <class Visit>
    void each_tagged(std::uint64_t mask, std::uint64_t wanted, Visit visit) const {
        // What was written before, a life's state, say, is seen by programs whose tags are not seen here.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        const std::uint64_t* tags = &tags_[0];
        const std::uint32_t end = size();
        for (std::uint32_t number = 0; number < end; ++number)
            if ((__atomic_load_n(&tags[number], __ATOMIC_RELAXED) & mask) == wanted) visit(number);
    }
    /// Calls `visit(number, tag)` for the flows that are not free.
    template <class Visit>
    void each_in_use(Visit visit) const {
        const std::uint32_t end = size();
        for (std::uint32_t number = 0; number < end; ++number)
            if (const std::uint64_t tag = __atomic_load_n(&tags_[number], __ATOMIC_RELAXED); LB_TAG_LIFE(tag))
                visit(number, tag);
    }

    /// Nothing: the flow is free, or changes hands all the time.
    std::optional<TaggedFlow> read(std::uint32_t number) const;
    /// Of one generation: ignored if the flow has another socket by now.
    void complete(std::uint32_t number, const lb_completion& completion) const;

private:
    struct Chunk {
        UniqueFd fd;
        MappedArray<lb_flow> flows;
    };
    lb_flow& at(std::uint32_t number) const { return chunks_[number / chunk_]->flows[number % chunk_]; }

    std::uint32_t chunk_;
    std::vector<std::unique_ptr<Chunk>> chunks_;  ///< never resized: readers go by count_
    std::atomic<std::uint32_t> count_ = 0;
    MappedArray<std::uint64_t> tags_;
    mutable std::mutex completing_;
};

}  // namespace reseat::bpf
