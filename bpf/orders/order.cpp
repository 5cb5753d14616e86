// SPDX-License-Identifier: Apache-2.0
#include "bpf/orders/order.hpp"

#include "bpf/terminate/diag.hpp"
#include "bpf/workers/pace.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <map>
#include <utility>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

/// A look is taken at once and, while something was not settled, so long after the one before.
constexpr std::array<Duration, 4> kLooks = {0ms, 1ms, 10ms, 100ms};
/// And so many more times at the last pause, while there are descriptors that no process has: until they
/// arrive, no process can use their sockets.
constexpr std::size_t kLooksInFlight = 10;
/// So many sockets are in the hands of the loop at once: it handles them in a few milliseconds.
constexpr std::size_t kMostAtOnce = 8'192;

constexpr auto kLocked = "another thread holds the socket lock (for example, in a page fault inside send())";

/// What a look throws is as one socket that could not be ended.
Look guarded(const std::function<Look()>& look) {
    try {
        return look();
    } catch (const std::exception& error) {
        Look failed;
        failed.targets.push_back({.state = State::failed, .why = error.what()});
        return failed;
    }
}

/// Each of one network namespace. What takes a lock before it ends a socket (a subflow) is alone: if it gets
/// stuck, nothing behind it was ended.
std::vector<Chunk> split(Chunk targets, std::size_t most) {
    std::vector<Chunk> chunks;
    std::map<std::uint64_t, std::size_t> open;  // by namespace: the chunk that is being filled, plus 1
    for (Target& target : targets) {
        const bool alone = target.flow.subflow && most != SocketStep::kAll;
        std::size_t& last = open[target.flow.netns];
        if (last == 0 || chunks[last - 1].size() == most || alone) {
            chunks.emplace_back();
            last = chunks.size();
        }
        chunks[last - 1].push_back(std::move(target));
        if (alone) last = 0;
    }
    return chunks;
}

/// Takes out those that are for this step.
Chunk taken_by(const SocketStep& step, Chunk& targets, Round round) {
    const auto first = std::stable_partition(targets.begin(), targets.end(), [&](const Target& target) {
        return is_settled(target.state) || !step.takes(target, round);
    });
    Chunk taken(std::make_move_iterator(first), std::make_move_iterator(targets.end()));
    targets.erase(first, targets.end());
    return taken;
}

/// Takes out of the index what is over: on the worker, and before it waits again. The programs see the end of
/// a TCP socket, and have forgotten it.
void clear_index(const Programs& programs, const Chunk& chunk) {
    std::vector<Flow> over;
    for (const Target& target : chunk)
        if (target.state == State::gone || (target.state == State::ended && target.flow.is_udp()))
            over.push_back(target.flow);
    FlowIndex(programs).remove(over);
}

/// Whatever goes wrong with these sockets is no reason to leave the others.
Chunk handled(const Programs& programs, const HandleChunk& handle, Chunk chunk) {
    try {
        handle(chunk);
    } catch (const std::exception& error) {
        for (Target& target : chunk) target.stays(error.what());
    }
    clear_index(programs, chunk);
    return chunk;
}

/// A worker waits for the lock of the first of these that is still there; those before it were ended, those
/// behind it stay as they are. Where they cannot be looked at, each may be the one.
Chunk find_stuck(const Programs& programs, NetNamespaces& namespaces, Chunk chunk) {
    std::string why;
    const auto diag = namespaces.channel(chunk.front().flow.netns, chunk.front().flow.pid, why);
    DiagSearch search;
    std::vector<Target*> left;
    std::vector<SocketTuple> tuples;
    for (Target& target : chunk) {
        if (diag && !target.flow.local.port_be) search.locate(*diag, target);
        if (is_settled(target.state)) continue;
        left.push_back(&target);
        tuples.push_back(target.flow.tuple());
    }
    const auto found = diag ? diag->find(tuples) : Error{ErrorCode::failed, why};
    for (std::size_t i = 0; i < left.size(); ++i) {
        const bool there = !found || !tuples[i].local.port_be || (*found)[i];
        left[i]->state = there                                ? State::stuck
                         : left[i]->state == State::undecided ? State::pending
                                                              : State::ended;
        if (found && there) break;
    }
    clear_index(programs, chunk);
    return chunk;
}

}  // namespace

/// An order under way: what was done so far, and what the last look left.
struct OrderExecutor::Running {
    explicit Running(Order its) : order(std::move(its)), reports(order.reports) {}

    void begin_look() {
        for (auto& report : reports) report.failed = 0;  // what is left is found again
        again = in_flight = false;
    }
    void count(const Target& target);
    void note(std::size_t report, const std::string& why) {
        if (reports[report].first_failure.empty()) reports[report].first_failure = why;
    }
    void finish() {
        for (auto& report : reports) {
            report.matched = report.terminated + report.repointed + report.failed;
            report.duration = last_done - start;
        }
    }

    Order order;
    std::vector<lb::TerminationReport> reports;
    bool again = false;
    bool in_flight = false;
    TimePoint start = std::chrono::steady_clock::now();
    TimePoint last_done = start;
};

void OrderExecutor::Running::count(const Target& target) {
    auto& report = reports[target.report];
    if (!target.note.empty()) note(target.report, target.note);
    switch (target.state) {
        case State::gone:
        case State::spared:
            return;
        case State::ended:
        case State::moved:
            ++(target.state == State::ended ? report.terminated : report.repointed);
            last_done = std::chrono::steady_clock::now();
            return;
        case State::unseen:  // of UDP sockets with one tuple only one is seen at a time
            again |= target.flow.is_udp();
            return;
        case State::in_flight:
            in_flight = true;
            [[fallthrough]];
        case State::pending:
            again = true;
            return;
        default:
            ++report.failed;
            again = true;
            note(target.report, target.state == State::stuck ? kLocked
                                : target.why.empty()         ? "no engine that works here can end it"
                                                             : target.why);
    }
}

OrderExecutor::OrderExecutor(Workers& workers, std::shared_ptr<const Programs> programs,
                             std::shared_ptr<NetNamespaces> namespaces, Engines engines)
    : workers_(workers),
      programs_(std::move(programs)),
      namespaces_(std::move(namespaces)),
      engines_(std::move(engines)),
      late_multipath_(std::make_shared<TupleEngine>(ExactEnder(namespaces_, nullptr), true)) {}

std::vector<std::string> OrderExecutor::engine_names() const {
    std::vector<std::string> names;
    for (const auto& engine : engines_) names.emplace_back(to_string(engine->kind()));
    return names;
}

std::vector<std::shared_ptr<const SocketStep>> OrderExecutor::steps_of(const Order& order) const {
    std::vector<std::shared_ptr<const SocketStep>> steps;
    if (order.first_step) steps.push_back(order.first_step);
    for (const auto& engine : engines_)  // the iterator ends all sockets of a life
        if (order.whole_life || engine->kind() != Engine::iterator) steps.push_back(engine);
    steps.push_back(late_multipath_);
    return steps;
}

Task<std::vector<lb::TerminationReport>> OrderExecutor::run(Order order) {
    Running running(std::move(order));
    const bool listed = !running.order.whole_life;
    if (running.order.quick_look) {
        Task<void> ended = look_and_end(running, running.order.quick_look, {.listed = listed});
        co_await std::move(ended);
    }
    bool last = false;
    for (std::size_t i = 0; !last; ++i) {
        if (i > 0) co_await sleep_for(kLooks[std::min(i, kLooks.size() - 1)]);
        last = i + 1 >= kLooks.size() + (running.in_flight ? kLooksInFlight : 0);
        std::function<Look()> look = [look = running.order.look, last] { return look(last); };
        Task<void> ended = look_and_end(running, std::move(look), {.last = last, .listed = listed});
        co_await std::move(ended);
        if (running.again) continue;
        if (running.order.whole_life) break;
        i = std::max(i, kLooks.size() - 2);  // for a connect that was let through and has not arrived yet
    }
    running.finish();
    co_return std::move(running.reports);
}

Task<void> OrderExecutor::look_and_end(Running& running, std::function<Look()> look, Round round) {
    std::function<Look()> work = [look = std::move(look)] { return guarded(look); };
    Task<Look> looking = value_from_worker(workers_, std::move(work));
    Look found = co_await std::move(looking);
    running.begin_look();
    running.again = found.again;
    if (!found.why.empty())
        for (std::size_t i = 0; i < running.reports.size(); ++i) running.note(i, found.why);
    std::erase_if(stuck_, [](const auto& entry) { return entry.second.expired(); });
    for (Target& target : found.targets)
        if (stuck_.contains(target.flow.cookie)) target.state = State::stuck;
    const std::size_t count = found.targets.size();
    const Pace pace(running.order.spread, count, std::chrono::steady_clock::now());
    for (std::size_t done = 0; done < count;) {
        const std::size_t due = std::min(pace.due(std::chrono::steady_clock::now()), done + kMostAtOnce);
        if (due <= done) {
            co_await sleep_for(Pace::tick());
            continue;
        }
        const auto begin = std::make_move_iterator(found.targets.begin());
        Chunk some(begin + static_cast<std::ptrdiff_t>(done), begin + static_cast<std::ptrdiff_t>(due));
        done = due;
        Task<void> ended = end_some(running, std::move(some), round);
        co_await std::move(ended);
    }
}

Task<void> OrderExecutor::end_some(Running& running, Chunk some, Round round) {
    for (const auto& step : steps_of(running.order)) {
        Task<void> taken = take_step(step, some, round);
        co_await std::move(taken);
    }
    for (const Target& target : some) running.count(target);
}

Task<void> OrderExecutor::take_step(std::shared_ptr<const SocketStep> step, Chunk& targets, Round round) {
    std::vector<Chunk> chunks = split(taken_by(*step, targets, round), step->chunk_size());
    while (!chunks.empty()) {
        std::function<std::function<Chunk(Chunk)>()> start = [step, round, programs = programs_] {
            return [step, programs, handle = step->start(round)](Chunk chunk) {
                return handled(*programs, handle, std::move(chunk));
            };
        };
        Task<BatchResult<Chunk, Chunk>> batch = run_batch<Chunk, Chunk>(workers_, std::move(chunks), start);
        BatchResult<Chunk, Chunk> result = co_await std::move(batch);
        for (Chunk& chunk : result.outcomes)
            targets.insert(targets.end(), std::make_move_iterator(chunk.begin()),
                           std::make_move_iterator(chunk.end()));
        chunks.clear();
        for (auto& stuck : result.stuck) {
            Task<Chunk> settle = settle_stuck(std::move(stuck), targets);
            Chunk left = co_await std::move(settle);
            if (!left.empty()) chunks.push_back(std::move(left));
        }
    }
}

/// Returns what has to be tried again.
Task<Chunk> OrderExecutor::settle_stuck(BatchResult<Chunk, Chunk>::Stuck stuck, Chunk& targets) {
    std::function<Chunk()> find = [programs = programs_, namespaces = namespaces_, item = stuck.item] {
        return find_stuck(*programs, *namespaces, item);
    };
    Task<Chunk> finding = value_from_worker(workers_, std::move(find));
    Chunk found = co_await std::move(finding);
    Chunk left;
    for (Target& target : found) {
        if (target.state == State::stuck) stuck_[target.flow.cookie] = stuck.worker;
        (is_settled(target.state) ? targets : left).push_back(std::move(target));
    }
    co_return left;
}

}  // namespace reseat::bpf
