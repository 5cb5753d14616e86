// SPDX-License-Identifier: Apache-2.0
#include "bpf/events/index_growth.hpp"

#include "base/run_on.hpp"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

namespace reseat::bpf {
namespace {

using Chunks = Result<std::vector<UniqueFd>>;

Task<bool> has_few_free(const Programs& programs) {
    std::uint32_t in_use = 0;
    programs.flows().each_in_use([&](std::uint32_t, std::uint64_t) { ++in_use; });
    co_return in_use > programs.flows().size() / 4 * 3;
}

Task<Chunks> make_chunks(const Programs& programs) {
    co_return programs.make_chunks();
}

Task<Result<void>> use_chunks(const Programs& programs) {
    co_return programs.use_chunks();
}

}  // namespace

Task<void> IndexGrowth::run() {
    while (true) {
        const FlowMemory& flows = handover_.programs().flows();
        bool wanted = std::exchange(is_low_, false);
        if (!wanted) {
            Task<bool> look = has_few_free(handover_.programs());
            wanted = co_await run_on(pool_, std::move(look));
        }
        if (wanted && flows.chunks() < flows.most_chunks()) {
            Task<void> growing = grow();
            co_await std::move(growing);
        }
        Task<void> next = due_.wait();
        co_await std::move(next);
    }
}

Task<void> IndexGrowth::grow() {
    const Programs& programs = handover_.programs();
    Task<Chunks> making = make_chunks(programs);
    Chunks chunks = co_await run_on(pool_, std::move(making));
    Result<void> done;
    if (chunks)
        done = handover_.take_chunks(std::move(*chunks));
    else
        done = chunks.error();
    if (done) {
        Task<Result<void>> use = use_chunks(programs);
        done = co_await run_on(pool_, std::move(use));
    }
    if (done)
        spdlog::debug("the index of sockets has room for {} sockets", programs.flows().size());
    else
        spdlog::warn(
            "the index of sockets cannot grow ({}): sockets beyond the first {} are found more slowly",
            done.error().message, programs.flows().size());
}

}  // namespace reseat::bpf
