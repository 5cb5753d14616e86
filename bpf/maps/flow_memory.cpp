// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/flow_memory.hpp"

#include "bpf/maps/load_failure.hpp"

#include <bpf/bpf.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace reseat::bpf {
namespace {

constexpr int kTries = 8;  // of a read: somebody else writes only while a socket opens
constexpr std::size_t kWord = sizeof(std::uint32_t);
static_assert(sizeof(lb_flow) % kWord == 0 && offsetof(lb_flow, completion) % kWord == 0);

/// Programs and other threads may write meanwhile: whether what was read belongs together, its reader finds
/// out.
void copy_words(void* to, const void* from, std::size_t bytes) {
    auto* target = static_cast<std::uint32_t*>(to);
    const auto* source = static_cast<const std::uint32_t*>(from);
    for (std::size_t i = 0; i < bytes / kWord; ++i)
        __atomic_store_n(&target[i], __atomic_load_n(&source[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

}  // namespace

FlowMemory::FlowMemory(std::uint32_t chunk, std::uint32_t most)
    : chunk_(std::bit_ceil(chunk)), chunks_(most) {}

Result<UniqueFd> FlowMemory::make_chunk() const {
    const bpf_map_create_opts how{.sz = sizeof(how), .map_flags = BPF_F_MMAPABLE};
    UniqueFd chunk(
        bpf_map_create(BPF_MAP_TYPE_ARRAY, "lb_chunk", sizeof(__u32), sizeof(lb_flow), chunk_, &how));
    if (!chunk) return load_failure(errno);
    return chunk;
}

Result<void> FlowMemory::add(UniqueFd chunk) {
    const std::uint32_t next = chunks();
    if (next == most_chunks())
        return Error{ErrorCode::failed, "the index of sockets is as large as it may be"};
    auto flows = MappedArray<lb_flow>::map(chunk.get(), chunk_);
    if (!flows) return flows.error();
    chunks_[next] = std::make_unique<Chunk>(Chunk{std::move(chunk), std::move(*flows)});
    count_.store(next + 1, std::memory_order_release);
    return {};
}

Result<void> FlowMemory::map_tags(int fd) {
    auto tags = MappedArray<std::uint64_t>::map(fd, most_size());
    if (!tags) return tags.error();
    tags_ = std::move(*tags);
    return {};
}

std::optional<TaggedFlow> FlowMemory::read(std::uint32_t number) const {
    TaggedFlow found;
    for (int i = 0; i < kTries; ++i) {
        found.tag = __atomic_load_n(&tags_[number], __ATOMIC_ACQUIRE);
        if (LB_TAG_LIFE(found.tag) == 0) return std::nullopt;
        const lb_flow& flow = at(number);
        copy_words(&found.flow, &flow, offsetof(lb_flow, completion));
        // The generation first: complete() writes it last.
        found.flow.completion.generation = __atomic_load_n(&flow.completion.generation, __ATOMIC_ACQUIRE);
        copy_words(&found.flow.completion.ifindex, &flow.completion.ifindex, sizeof(lb_completion) - kWord);
        std::atomic_thread_fence(std::memory_order_acquire);
        if (__atomic_load_n(&tags_[number], __ATOMIC_RELAXED) == found.tag) return found;
    }
    return std::nullopt;
}

void FlowMemory::complete(std::uint32_t number, const lb_completion& completion) const {
    const std::lock_guard lock(completing_);
    lb_completion& there = at(number).completion;
    __atomic_store_n(&there.generation, 0, __ATOMIC_RELAXED);
    std::atomic_thread_fence(std::memory_order_release);
    copy_words(&there.ifindex, &completion.ifindex, sizeof(lb_completion) - kWord);
    __atomic_store_n(&there.generation, completion.generation, __ATOMIC_RELEASE);
}

}  // namespace reseat::bpf
