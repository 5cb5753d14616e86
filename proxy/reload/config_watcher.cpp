// SPDX-License-Identifier: Apache-2.0
#include "proxy/reload/config_watcher.hpp"

#include "base/race.hpp"

#include <chrono>
#include <utility>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr auto kBurst = 100ms;
constexpr auto kSecondLook = 500ms;
constexpr auto kWriterPatience = 2s;

Task<bool> something_happens(PathWatch& watch) {
    co_await watch.wait();
    co_return true;
}

}  // namespace

void FileJudge::on_news(const PathWatch::News& news) {
    if (!news.any) return;
    suspect_.reset();
    being_written_ = news.written ? !news.closed : being_written_ && !news.closed;
}

Duration FileJudge::quiet() const {
    if (being_written_) return kWriterPatience;
    return suspect_ ? kSecondLook : kBurst;
}

FileJudge::Verdict FileJudge::on_look(const std::string& content, bool valid, const std::string& known) {
    being_written_ = false;
    const auto before = std::exchange(suspect_, std::nullopt);
    if (content == known) return Verdict::nothing;
    if (valid || before == content) return Verdict::take;
    suspect_ = content;
    return Verdict::look_again;
}

/// What happens to other files of the directory is no news.
Task<void> ConfigWatcher::until_quiet(PathWatch& watch) {
    using Clock = std::chrono::steady_clock;
    auto end = Clock::now() + judge_.quiet();
    while (Clock::now() < end) {
        co_await with_timeout(end - Clock::now(), something_happens(watch));
        const auto news = watch.take();
        if (!news.any) continue;
        judge_.on_news(news);
        end = Clock::now() + judge_.quiet();
    }
}

Task<void> ConfigWatcher::until_news(PathWatch& watch) {
    PathWatch::News news;
    while (!news.any) {
        co_await watch.wait();
        news = watch.take();
    }
    judge_.on_news(news);
}

Task<void> ConfigWatcher::run() {
    PathWatch watch(co_await asio::this_coro::executor, reloader_.file());
    while (true) {  // looks first: the file may have changed since it was loaded
        co_await until_quiet(watch);
        auto outcome = co_await reloader_.load();
        if (const auto news = watch.take(); news.any) {
            judge_.on_news(news);
            continue;
        }
        const auto verdict =
            judge_.on_look(Reloader::identity(outcome), outcome.loaded.has_value(), reloader_.known());
        if (verdict == FileJudge::Verdict::look_again) continue;
        if (verdict == FileJudge::Verdict::take) reloader_.take(std::move(outcome));
        co_await until_news(watch);
    }
}

}  // namespace reseat::proxy
