// SPDX-License-Identifier: Apache-2.0
#include "bpf/workers/batch.hpp"

#include "base/handles.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/wait.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

using namespace reseat;

namespace {

using Numbers = bpf::BatchResult<int, std::string>;

/// What a thread waits for uninterruptibly until it is released, as for the lock of a socket: a child that
/// shares its memory (vfork).
class Lock {
public:
    Lock() {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        reads_ = UniqueFd(ends[0]);
        writes_ = UniqueFd(ends[1]);
    }
    ~Lock() { release(); }
    void wait() const {
        const int reads = reads_.get();
        if (::vfork() != 0) return;
        char byte;
        [[maybe_unused]] const auto ignored = ::read(reads, &byte, 1);
        ::_exit(0);
    }
    void release() {
        [[maybe_unused]] const auto ignored = ::write(writes_.get(), "r", 1);
        writes_.reset();
    }

private:
    UniqueFd reads_, writes_;
};

Numbers run(asio::io_context& io, bpf::Workers& workers, std::vector<int> items,
            std::function<std::function<std::string(int)>()> start) {
    std::optional<Numbers> result;
    const auto ask = [&]() -> Task<void> {
        Task<Numbers> batch = bpf::run_batch<int, std::string>(workers, items, start);
        result = co_await std::move(batch);
    };
    asio::co_spawn(io, ask(), [](const std::exception_ptr& failure) { CHECK_FALSE(failure); });
    io.restart();
    io.run_for(std::chrono::seconds(30));
    REQUIRE(result);
    return std::move(*result);
}

}  // namespace

TEST_CASE("a batch makes one call after the other on one worker, and returns what they return", "[workers]") {
    asio::io_context io;
    bpf::Workers workers(io.get_executor());
    std::atomic<int> started = 0;
    const auto start = [&] {
        ++started;
        return [last = 0](int number) mutable {
            const int before = std::exchange(last, number);
            return std::to_string(before) + "<" + std::to_string(number);
        };
    };
    const auto result = run(io, workers, {1, 2, 3}, start);
    CHECK(result.outcomes == std::vector<std::string>{"0<1", "1<2", "2<3"});
    CHECK(result.stuck.empty());
    CHECK(started == 1);
    CHECK(run(io, workers, {}, start).outcomes.empty());
}

TEST_CASE("an item that is stuck delays no other, and is known until its call returns [E52]", "[workers]") {
    asio::io_context io;
    bpf::Workers workers(io.get_executor());
    const auto lock = std::make_shared<Lock>(), other = std::make_shared<Lock>();
    const auto returned = std::make_shared<std::atomic<int>>(0);
    const auto start = [lock, other, returned] {
        return [=](int number) {
            if (number == 2) lock->wait();
            if (number == 3) other->wait();
            ++*returned;
            return std::to_string(number);
        };
    };
    auto result = run(io, workers, {1, 2, 3, 4}, start);
    CHECK(result.outcomes == std::vector<std::string>{"1", "4"});
    REQUIRE(result.stuck.size() == 2);
    CHECK(result.stuck[0].item == 2);
    CHECK(result.stuck[1].item == 3);
    CHECK_FALSE(result.stuck[0].worker.expired());
    lock->release();
    CHECK(test::wait_until([&] { return result.stuck[0].worker.expired(); }));
    CHECK_FALSE(result.stuck[1].worker.expired());
    other->release();
    CHECK(test::wait_until([&] { return result.stuck[1].worker.expired(); }));
    CHECK(*returned == 4);
    CHECK(result.outcomes.size() == 2);  // what came late is nobody's
}

TEST_CASE("a call that is only slow is waited for", "[workers]") {
    asio::io_context io;
    bpf::Workers workers(io.get_executor());
    const auto start = [] {
        return [](int number) {
            test::wait_until([] { return false; },
                             std::chrono::milliseconds(400));  // it sleeps, but not for a lock
            return std::to_string(number);
        };
    };
    const auto result = run(io, workers, {1}, start);
    CHECK(result.outcomes == std::vector<std::string>{"1"});
    CHECK(result.stuck.empty());
}
