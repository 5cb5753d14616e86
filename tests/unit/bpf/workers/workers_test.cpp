// SPDX-License-Identifier: Apache-2.0
#include "bpf/workers/workers.hpp"

#include "tests/support/catch.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace reseat;

TEST_CASE("work is done by threads, and its end is told where it was asked for", "[workers]") {
    constexpr int kJobs = 200;
    asio::io_context io;
    auto stay = asio::make_work_guard(io);
    bpf::Workers workers(io.get_executor());
    const auto here = std::this_thread::get_id();
    std::vector<int> results(kJobs, -1);
    int done = 0, elsewhere = 0;
    for (int i = 0; i < kJobs; ++i)
        workers.run([&results, &here, i] { results[i] = std::this_thread::get_id() == here ? -1 : i; },
                    [&, i] {
                        elsewhere += std::this_thread::get_id() != here;
                        if (results[i] == i && ++done == kJobs) stay.reset();
                    });
    io.run_for(std::chrono::seconds(30));
    CHECK(done == kJobs);
    CHECK(elsewhere == 0);
}

TEST_CASE("who is told of the end of work is not when its asker is gone, and the work goes on", "[workers]") {
    const auto begun = std::make_shared<std::promise<void>>(), over = std::make_shared<std::promise<void>>();
    std::promise<void> go_on;
    bool told = false;
    asio::io_context io;
    std::optional<bpf::Workers> workers(std::in_place, io.get_executor());
    workers->run(
        [begun, over, allowed = go_on.get_future().share()] {
            begun->set_value();
            allowed.wait();
            over->set_value();
        },
        [&] { told = true; });
    begun->get_future().wait();
    workers.reset();  // waits for a second, then lets it go
    go_on.set_value();
    CHECK(over->get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready);
    io.run_for(std::chrono::milliseconds(1));
    CHECK_FALSE(told);
}

TEST_CASE("what work throws, whoever waits for it gets, and the workers go on [E83]", "[workers]") {
    asio::io_context io;
    bpf::Workers workers(io.get_executor());
    std::string failure;
    bool afterwards = false;
    const auto asks = [&]() -> Task<void> {
        try {
            co_await bpf::on_worker(workers, [] { throw std::runtime_error("a file cannot be read"); });
        } catch (const std::exception& error) {
            failure = error.what();
        }
        co_await bpf::on_worker(workers, [&afterwards] { afterwards = true; });
    };
    asio::co_spawn(io, asks(), [](const std::exception_ptr& left) { CHECK_FALSE(left); });
    io.run_for(std::chrono::seconds(30));
    CHECK(failure == "a file cannot be read");
    CHECK(afterwards);
}

TEST_CASE("a coroutine waits for its work, one after the other and many at once", "[workers]") {
    constexpr int kAtOnce = 50, kRounds = 10;
    asio::io_context io;
    bpf::Workers workers(io.get_executor());
    std::atomic<int> worked = 0;
    int seen = 0;  // on the loop alone
    const auto rounds = [&]() -> Task<void> {
        for (int round = 0; round < kRounds; ++round) {
            int result = 0;
            co_await bpf::on_worker(workers, [&result, &worked] { result = ++worked; });
            seen += result > 0;
        }
    };
    for (int i = 0; i < kAtOnce; ++i)
        asio::co_spawn(io, rounds(), [](const std::exception_ptr& failure) { CHECK_FALSE(failure); });
    io.run_for(std::chrono::seconds(30));
    CHECK(seen == kAtOnce * kRounds);
}
