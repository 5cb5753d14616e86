// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/discovery.hpp"

#include "base/path_watch.hpp"
#include "base/race.hpp"
#include "lb/discovery/expansion.hpp"
#include "lb/discovery/name_news.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace reseat::proxy {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kRetry = 1s;      ///< after the data path refused
constexpr auto kLonger = 24h;    ///< nothing is to be asked
constexpr auto kGather = 100ms;  ///< changes of sources
constexpr auto kSettles = 20ms;  ///< a file that is being written

}  // namespace

Discovery::Discovery(asio::any_io_executor executor, lb::SocketPreparer prepare, Apply apply,
                     lb::Passing passing, lb::EventSink tell, lb::Failing failing)
    : executor_(executor),
      apply_(std::move(apply)),
      passing_(std::move(passing)),
      tell_(std::move(tell)),
      wake_up_(executor),
      sources_(executor, prepare, std::move(failing), tell_, [this] { on_source(); }),
      answered_(executor, steady_clock::time_point::max()),
      resolver_(executor, std::move(prepare),
                [this](const lb::Lookup& lookup, lb::Query query, lb::Found found) {
                    on_answer(lookup, query, std::move(found));
                }) {}

Task<void> Discovery::run() {
    while (true) {
        for (const auto& question : names_.take_due(steady_clock::now())) resolver_.ask(question);
        step_sources();
        if (is_time_to_tell()) tell_and_apply();
        co_await wake_up_.wait_for(pause());
    }
}

bool Discovery::is_time_to_tell() const {
    const auto now = steady_clock::now();
    const auto is_over = [&](const std::optional<TimePoint>& at) { return at && *at <= now; };
    return reconsider_ || refused_ || is_over(names_.news_at()) || is_over(hold_over_);
}

Duration Discovery::pause() const {
    const auto now = steady_clock::now();
    auto next = now + (refused_ ? Duration(kRetry) : Duration(kLonger));
    const auto sources = services_.empty() ? std::nullopt : sources_.next();
    const auto looked = services_.empty() ? std::nullopt : sources_at_;
    for (const auto& at : {names_.next_due(), names_.news_at(), hold_over_, sources, looked})
        if (at) next = std::min(next, *at);
    return std::max<Duration>(next - now, 0s);
}

void Discovery::on_answer(const lb::Lookup& lookup, lb::Query query, lb::Found found) {
    const double random = std::uniform_real_distribution(0.0, 1.0)(random_);
    names_.on_answer(lookup, query, std::move(found), steady_clock::now(), std::chrono::system_clock::now(),
                     random);
    answered_.cancel();
    wake_up_.notify();
}

/// The first change is acted on at once, further ones are gathered.
void Discovery::on_source() {
    const auto now = steady_clock::now();
    if (!sources_at_) sources_at_ = std::max(now, sources_seen_ + kGather);
    answered_.cancel();
    wake_up_.notify();
}

/// Nothing is judged before there is something in force that it could change.
void Discovery::step_sources() {
    if (services_.empty()) return;
    const auto now = steady_clock::now();
    const auto next = sources_.next();
    if (!(sources_at_ && *sources_at_ <= now) && !(next && *next <= now)) return;
    sources_at_.reset();
    sources_seen_ = now;
    if (sources_.step(now)) reconsider_ = true;
}

/// Answers of one turn of the loop, and both families of a name, are one change.
void Discovery::tell_and_apply() {
    const bool has_to_apply = std::exchange(reconsider_, false) || refused_;
    names_.told();
    answered_.cancel();  // a wait for the other family has lasted long enough
    auto now = view();
    const bool alike = lb::expand_alike(told_, now);
    for (const auto& event : lb::name_news(told_, now, steady_clock::now())) tell_(event);
    told_ = std::move(now);
    hold_over_ = lb::first_hold_over(told_);
    if (services_.empty() || (alike && !has_to_apply)) return;
    const auto done = apply_(lb::expand(services_, told_, sources_.view(services_)));
    if (!done && !refused_)
        spdlog::error("cannot update the backends, trying again: {}", done.error().message);
    refused_ = !done;
}

void Discovery::follow(std::vector<lb::Service> services) {
    services_ = std::move(services);
    names_.follow(services_, steady_clock::now());
    sources_.follow(services_);
    sources_at_ = steady_clock::now();
    reconsider_ = true;
    wake_up_.notify();
}

void Discovery::on_failing_backend() {
    sources_at_ = std::min(sources_at_.value_or(TimePoint::max()), sources_seen_ + kGather);
    if (hold_over_) reconsider_ = true;
    wake_up_.notify();
}

bool Discovery::answered(const std::vector<lb::Service>& services) const {
    return names_.answered(services, steady_clock::now()) && sources_.answered(services);
}

std::string Discovery::waits_for(const std::vector<lb::Service>& services) const {
    const auto names = names_.unanswered(services, steady_clock::now());
    const auto sources = sources_.unanswered(services);
    std::string text;
    if (!names.empty()) text = fmt::format("{} (asking {})", fmt::join(names, ", "), resolver_.servers());
    if (!sources.empty()) text += fmt::format("{}{}", text.empty() ? "" : ", ", fmt::join(sources, ", "));
    return text;
}

std::vector<lb::NameView> Discovery::view(const std::vector<lb::Service>& services) const {
    const lb::Absence now{steady_clock::now(), std::chrono::system_clock::now()};
    return lb::hold(told_, names_.view(services), now, passing_);
}

Task<bool> Discovery::learn(const std::vector<lb::Service>& services, Duration at_most,
                            Duration sources_at_most) {
    if (answered(services)) co_return false;
    names_.want(services, steady_clock::now());
    sources_.want(services);
    wake_up_.notify();
    const bool only_sources = names_.answered(services, steady_clock::now());
    auto wait = with_timeout(only_sources ? sources_at_most : std::max(at_most, sources_at_most),
                             all_answered(services));
    co_await std::move(wait);
    co_return true;
}

/// Any number may wait.
Task<bool> Discovery::all_answered(const std::vector<lb::Service>& services) {
    while (!answered(services)) {
        boost::system::error_code cut_short;  // by an answer, or because we are to end
        co_await answered_.async_wait(asio::redirect_error(asio::use_awaitable, cut_short));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error(asio::error::operation_aborted);
    }
    co_return true;
}

std::vector<lb::Service> Discovery::expand(const std::vector<lb::Service>& services) const {
    return lb::expand(services, view(services), sources_.view(services));
}

Task<void> Discovery::watch(const char* path, std::function<void()> changed) {
    PathWatch file(executor_, path);
    while (true) {
        co_await file.wait();
        if (!file.take().any) continue;
        do co_await sleep_for(kSettles);
        while (file.take().any);
        spdlog::info("{} has changed: resolving all names again", path);
        changed();
        names_.hurry(steady_clock::now());
        wake_up_.notify();
    }
}

Task<void> Discovery::watch_files() {
    std::string failure;
    try {
        co_await both(watch("/etc/hosts", [] {}), watch("/etc/resolv.conf", [this] { resolver_.reread(); }));
    } catch (const std::system_error& error) {
        failure = error.what();
    }
    if (!failure.empty())
        spdlog::warn("/etc/resolv.conf is not watched: {}; restart reseat after a change", failure);
}

void learn_now(asio::io_context& loop, Discovery& discovery, const std::vector<lb::Service>& services,
               Duration at_most, Duration sources_at_most) {
    bool over = false;
    const auto learn = [&]() -> Task<void> {
        co_await discovery.learn(services, at_most, sources_at_most);
        over = true;
    };
    const auto task = spawn(loop.get_executor(), "name resolution", learn(), [&](const std::string& what) {
        spdlog::error("{}", what);
        over = true;
    });
    while (!over) loop.run_one();
}

}  // namespace reseat::proxy
