// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/file_source.hpp"

#include "base/path_watch.hpp"
#include "base/race.hpp"
#include "base/run_on.hpp"
#include "config/endpoint_file.hpp"
#include "config/text_file.hpp"

#include <spdlog/spdlog.h>

#include <optional>
#include <system_error>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuiet = 100ms;   ///< a file that is being written
constexpr auto kLookAgain = 5s;  ///< where it cannot be watched
constexpr auto kLongest = 5min;  ///< it is looked at, whatever inotify says

Task<config::EndpointFile> read(std::string path) {
    config::Diagnostics out;
    const auto bytes = config::read_bytes(path, lb::kMaxDocument, out);
    if (!bytes) co_return config::EndpointFile{.faults = out.in_order(path)};
    co_return config::read_endpoint_file(*bytes, path);
}

}  // namespace

FileSource::FileSource(const lb::SourceRef& ref, const SourceMeans& means, Changed changed)
    : Source(to_string(ref), ref.kind, std::move(changed)),
      path_(ref.path),
      aside_(*means.aside),
      look_(means.executor) {}

Task<void> FileSource::look() {
    auto reading = run_on(aside_, read(path_));
    config::EndpointFile file = co_await std::move(reading);
    record_.count_event("document");
    if (!file.faults.empty()) co_return failed(lb::SourceRecord::Fault::malformed, to_string(file.faults[0]));
    lb::Assignment said{.known = lb::Assignment::Known::present, .endpoints = std::move(file.endpoints)};
    settle(said);
    const bool changed = !said.serves_alike(said_);
    said_ = std::move(said);
    heard(changed);
}

Task<void> FileSource::watch() {
    std::optional<std::system_error> failure;
    try {
        PathWatch watch(co_await asio::this_coro::executor, path_);
        while (true) {
            co_await watch.wait();
            if (!watch.take().any) continue;
            do co_await sleep_for(kQuiet);
            while (watch.take().any);
            look_.notify();
        }
    } catch (const std::system_error& caught) {
        failure = caught;
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) throw std::system_error(*failure);
    spdlog::warn("{} is not watched: {}; it is read each 5 s", path_, failure->what());
    while (true) {
        co_await sleep_for(kLookAgain);
        look_.notify();
    }
}

Task<void> FileSource::run() {
    const auto looking = [this]() -> Task<void> {
        while (true) {
            co_await look();
            co_await look_.wait_for(kLongest);
        }
    };
    co_await both(watch(), looking());
}

}  // namespace reseat::proxy
