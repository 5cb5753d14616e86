// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/discovery.hpp"

#include "lb/discovery/expansion.hpp"
#include "lb/discovery/name_news.hpp"
#include "lb/health/race.hpp"
#include "proxy/path_watch.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <system_error>

namespace reseat::proxy {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kRetry = 1s;      ///< after the data path refused
constexpr auto kLonger = 24h;    ///< nothing is to be asked
constexpr auto kSettles = 20ms;  ///< a file that is being written

}  // namespace

Discovery::Discovery(lb::asio::any_io_executor executor, lb::SocketPreparer prepare, Apply apply,
                     lb::EventSink tell)
    : executor_(executor),
      apply_(std::move(apply)),
      tell_(std::move(tell)),
      wake_up_(executor),
      answered_(executor, steady_clock::time_point::max()),
      resolver_(executor, std::move(prepare), [this](const lb::Lookup& lookup, lb::Answer answer) {
          on_answer(lookup, std::move(answer));
      }) {}

lb::Task<void> Discovery::run() {
    while (true) {
        for (const auto& lookup : names_.take_due(steady_clock::now())) resolver_.ask(lookup);
        if (news_ || refused_) tell_and_apply();
        co_await wake_up_.wait_for(pause());
    }
}

lb::Duration Discovery::pause() const {
    const auto now = steady_clock::now();
    const auto next = names_.next_due().value_or(now + kLonger);
    return std::clamp<lb::Duration>(next - now, 0s, refused_ ? lb::Duration(kRetry) : lb::Duration(kLonger));
}

void Discovery::on_answer(const lb::Lookup& lookup, lb::Answer answer) {
    const double random = std::uniform_real_distribution(0.0, 1.0)(random_);
    news_ |= names_.on_answer(lookup, std::move(answer), steady_clock::now(),
                              std::chrono::system_clock::now(), random);
    answered_.cancel();
    wake_up_.notify();
}

/// Answers of one turn of the loop are one change.
void Discovery::tell_and_apply() {
    news_ = false;
    auto now = view();
    for (const auto& event : lb::name_news(told_, now, steady_clock::now())) tell_(event);
    told_ = std::move(now);
    if (services_.empty()) return;
    const auto done = apply_(lb::expand(services_, told_));
    if (!done && !refused_)
        spdlog::error("cannot change the backends, trying again: {}", done.error().message);
    refused_ = !done;
}

void Discovery::follow(std::vector<lb::Service> services) {
    services_ = std::move(services);
    names_.follow(services_, steady_clock::now());
    news_ = true;
    wake_up_.notify();
}

lb::Task<bool> Discovery::learn(const std::vector<lb::Service>& services, lb::Duration at_most) {
    if (names_.answered(services)) co_return false;
    names_.want(services, steady_clock::now());
    wake_up_.notify();
    auto wait = lb::unless(at_most, all_answered(services));
    co_await std::move(wait);
    co_return true;
}

/// Any number may wait.
lb::Task<bool> Discovery::all_answered(const std::vector<lb::Service>& services) {
    while (!names_.answered(services)) {
        boost::system::error_code cut_short;  // by an answer, or because we are to end
        co_await answered_.async_wait(lb::asio::redirect_error(lb::asio::use_awaitable, cut_short));
        const auto state = co_await lb::asio::this_coro::cancellation_state;
        if (state.cancelled() != lb::asio::cancellation_type::none)
            throw boost::system::system_error(lb::asio::error::operation_aborted);
    }
    co_return true;
}

std::vector<lb::Service> Discovery::expand(const std::vector<lb::Service>& services) const {
    return lb::expand(services, names_.view(services));
}

lb::Task<void> Discovery::watch(const char* path, std::function<void()> changed) {
    PathWatch file(executor_, path);
    while (true) {
        co_await file.wait();
        if (!file.take().any) continue;
        do co_await lb::sleep_for(kSettles);
        while (file.take().any);
        spdlog::info("{} has changed: names are asked for again", path);
        changed();
        names_.hurry(steady_clock::now());
        wake_up_.notify();
    }
}

lb::Task<void> Discovery::watch_files() {
    std::string failure;
    try {
        co_await lb::both(watch("/etc/hosts", [] {}),
                          watch("/etc/resolv.conf", [this] { resolver_.reread(); }));
    } catch (const std::system_error& error) {
        failure = error.what();
    }
    if (!failure.empty())
        spdlog::warn("/etc/resolv.conf is not watched: {}; start reseat again after a change", failure);
}

void learn_now(lb::asio::io_context& loop, Discovery& discovery, const std::vector<lb::Service>& services,
               lb::Duration at_most) {
    bool over = false;
    const auto learn = [&]() -> lb::Task<void> {
        co_await discovery.learn(services, at_most);
        over = true;
    };
    const auto task =
        lb::spawn(loop.get_executor(), "name resolution", learn(), [&](const std::string& what) {
            spdlog::error("{}", what);
            over = true;
        });
    while (!over) loop.run_one();
}

}  // namespace reseat::proxy
