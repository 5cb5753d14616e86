// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/workers/workers.hpp"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace reseat::bpf {

/// What became of the items of a batch.
template <class In, class Out>
struct BatchResult {
    struct Stuck {
        In item;
        std::weak_ptr<Calls> worker;  ///< expires when the call has returned
    };
    std::vector<Out> outcomes;  ///< of the items that did not get stuck, in their order
    std::vector<Stuck> stuck;
};

/// Makes blocking calls on a worker, one for each item. When one gets stuck, another worker goes on with the
/// items behind it. `start` is called on each worker and returns what it calls for each item. Neither may
/// throw, and what they use must be their own. Cancelled: as run_until_stuck().
template <class In, class Out>
Task<BatchResult<In, Out>> run_batch(Workers& workers, std::vector<In> items,
                                     std::function<std::function<Out(In)>()> start) {
    BatchResult<In, Out> result;
    const auto all = std::make_shared<const std::vector<In>>(std::move(items));
    std::size_t from = 0;
    while (from < all->size()) {
        const auto calls = std::make_shared<Calls>();
        const auto outcomes = std::make_shared<std::vector<Out>>();  // `calls` decides whose it is
        std::function<void()> work = [all, from, calls, outcomes, start] {
            const auto call = start();
            for (std::size_t i = from; i < all->size() && calls->begin(); ++i) {
                Out outcome = call((*all)[i]);
                calls->end([&] { outcomes->push_back(std::move(outcome)); });
            }
        };
        Task<bool> run = run_until_stuck(workers, calls, std::move(work));
        const bool through = co_await std::move(run);
        from += outcomes->size();
        for (Out& outcome : *outcomes) result.outcomes.push_back(std::move(outcome));
        if (!through) result.stuck.push_back({(*all)[from++], calls});
    }
    co_return result;
}

}  // namespace reseat::bpf
