// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/command_source.hpp"

#include "base/race.hpp"
#include "base/text.hpp"
#include "lb/health/probe/command.hpp"
#include "lb/health/probe/probe_socket.hpp"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <sys/wait.h>

namespace reseat::proxy {

using namespace std::chrono_literals;
using Fault = lb::SourceRecord::Fault;

namespace {

constexpr auto kFirstPause = 1s, kLongestPause = 60s;
constexpr auto kLongestRun = 30s;  ///< of one that prints a document

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status)) return fmt::format("it was killed by signal {}", WTERMSIG(status));
    return fmt::format("it ended with exit status {}", WEXITSTATUS(status));
}

}  // namespace

/// What it prints, in pieces.
class CommandOutput {
public:
    explicit CommandOutput(lb::Command& command) : command_(command) {}

    /// Nothing: no process can print any more.
    Task<std::optional<std::string_view>> next() {
        const auto [error, size] =
            co_await command_.output().async_read_some(asio::buffer(buffer_), lb::as_result);
        if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
        if (error) co_return std::nullopt;
        co_return std::string_view(buffer_.data(), size);
    }

private:
    lb::Command& command_;
    std::array<char, 16 * 1024> buffer_;
};

CommandSource::CommandSource(const lb::SourceRef& ref, const SourceMeans& means, Changed changed)
    : Source(to_string(ref), ref.kind, std::move(changed)),
      command_(ref.command),
      interval_(ref.interval),
      prepare_(means.prepare_session),
      again_(means.executor) {}

void CommandSource::take(std::vector<lb::SourcedEndpoint> endpoints) {
    lb::Assignment said{.known = lb::Assignment::Known::present, .endpoints = std::move(endpoints)};
    settle(said);
    const bool changed = !said.serves_alike(said_);
    said_ = std::move(said);
    heard(changed);
}

/// Why it is to be ended; empty: it has printed all.
Task<std::string> CommandSource::read_document(CommandOutput& output) {
    std::string text;
    while (true) {
        const auto piece = co_await output.next();
        if (!piece) break;
        text += *piece;
        if (text.size() > lb::kMaxDocument) co_return "it printed more than 16 MiB";
    }
    lb::Document document = lb::read_document_text(text, lb::UnknownKeys::ignored);
    record_.count_event("document");
    if (!document.faults.empty())
        co_return fmt::format("{} {}", document.faults[0].pointer, document.faults[0].message);
    take(std::move(document.endpoints));
    co_return "";
}

Task<std::string> CommandSource::read_lines(CommandOutput& output) {
    std::string text;
    stream_.restart();
    while (true) {
        auto reading = with_timeout(lb::kSilence, output.next());
        const auto piece = co_await std::move(reading);
        if (!piece) co_return fmt::format("it was silent for {}", human(lb::kSilence));
        if (!*piece) co_return "";
        text += **piece;
        std::size_t from = 0;
        for (std::size_t end; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
            const auto line = std::string_view(text).substr(from, end - from);
            if (line.empty()) continue;
            const auto what = stream_.on_line(line);
            if (what == lb::EndpointStream::Heard::faulty) co_return stream_.fault();
            record_.count_event(what == lb::EndpointStream::Heard::changed ? "change" : "beat");
            if (what == lb::EndpointStream::Heard::changed)
                take(stream_.endpoints());
            else
                heard(false);
        }
        text.erase(0, from);
        if (text.size() > lb::kMaxDocument) co_return "it printed a line of more than 16 MiB";
    }
}

/// False: it failed.
Task<bool> CommandSource::run_once() {
    try {
        lb::Command command(co_await asio::this_coro::executor, command_, {}, prepare_,
                            lb::Command::Errors::nowhere);
        if (const int number = co_await command.started()) {
            failed(Fault::failed, fmt::format("cannot run {}: {}", command_.front(), std::strerror(number)));
            co_return false;
        }
        CommandOutput output(command);
        std::string why;
        if (interval_ > Duration::zero()) {
            auto reading = with_timeout(kLongestRun, read_document(output));
            const auto read = co_await std::move(reading);
            why = read ? *read : fmt::format("it ran for more than {}", human(kLongestRun));
            if (why.empty()) co_return true;
        } else {
            // A child of it may hold the pipe, and say nothing.
            const auto end = [](lb::Command& running) -> Task<void> { co_await running.ended(); };
            auto reading = unless(end(command), read_lines(output));
            why = (co_await std::move(reading)).value_or("");
        }
        if (why.empty()) {
            co_await command.ended();
            why = how_it_ended(command.status());
        }
        failed(Fault::malformed, why);
    } catch (const boost::system::system_error& failure) {
        if (failure.code() == asio::error::operation_aborted) throw;
        failed(Fault::failed, "cannot start a process: " + failure.code().message());
    }
    co_return false;
}

Task<void> CommandSource::run() {
    Duration pause = kFirstPause;
    while (true) {
        const auto began = std::chrono::steady_clock::now();
        auto running = run_once();
        const bool good = co_await std::move(running);
        if (good || std::chrono::steady_clock::now() - began > kLongestPause) pause = kFirstPause;
        co_await again_.wait_for(good ? interval_ : pause);
        if (!good) pause = std::min<Duration>(2 * pause, kLongestPause);
    }
}

}  // namespace reseat::proxy
