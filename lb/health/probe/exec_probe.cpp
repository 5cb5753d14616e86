// SPDX-License-Identifier: Apache-2.0
#include "base/race.hpp"
#include "lb/health/probe/command.hpp"
#include "lb/health/probe/probes.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <array>
#include <cstring>

#include <sys/wait.h>

namespace reseat::lb {
namespace {

constexpr std::size_t kMaxLine = 200;

ProbeResult judge(int status) {
    if (WIFSIGNALED(status)) {
        const char* name = ::sigabbrev_np(WTERMSIG(status));
        return {ProbeOutcome::answered_badly, name ? fmt::format("killed by SIG{}", name)
                                                   : fmt::format("killed by signal {}", WTERMSIG(status))};
    }
    const int code = WEXITSTATUS(status);
    return {code == 0 ? ProbeOutcome::passed : ProbeOutcome::answered_badly,
            fmt::format("exit status {}", code)};
}

class ExecProbe final : public Probe {
public:
    ExecProbe(ExecCheck check, const ProbeTarget& target, const ProbeMeans& means)
        : check_(std::move(check)),
          environment_{"RESEAT_SERVICE=" + target.service, "RESEAT_BACKEND=" + target.backend,
                       "RESEAT_ADDRESS=" + to_string(target.endpoint.address),
                       fmt::format("RESEAT_PORT={}", target.endpoint.port)},
          prepare_(means.prepare_session) {}

    Task<ProbeResult> once(Duration timeout) override {
        printed_.clear();
        length_ = 0;
        Progress progress;
        auto result = co_await within(timeout, progress, attempt());
        if (progress.timed_out) {
            result.outcome = ProbeOutcome::unresponsive;  // what it waited for is its own affair
            result.detail = fmt::format("killed after {}", to_text(timeout));
        }
        const auto line = printed_.substr(0, printed_.find('\n'));
        if (!line.empty()) result.detail += ": " + abbreviated(line);
        co_return result;
    }

private:
    Task<ProbeResult> attempt() {
        try {
            Command command(co_await asio::this_coro::executor, check_.command, environment_, prepare_);
            if (const int number = co_await command.started())
                co_return ProbeResult{ProbeOutcome::not_probed,
                                      fmt::format("cannot run {}: {}", abbreviated(check_.command.front()),
                                                  std::strerror(number))};
            co_return co_await watch(command);
        } catch (const boost::system::system_error& failure) {
            if (failure.code() == asio::error::operation_aborted) throw;
            co_return ProbeResult{ProbeOutcome::not_probed,
                                  fmt::format("cannot start a process: {}", failure.code().message())};
        }
    }

    Task<ProbeResult> watch(Command& command) {
        auto wait = [](Command& running) -> Task<bool> {
            co_await running.ended();
            co_return true;
        };
        const auto ended = co_await unless(read_output(command), wait(command));
        if (!ended)
            co_return ProbeResult{ProbeOutcome::answered_badly,
                                  fmt::format("it printed more than {} KiB", kMaxAnswer / 1024)};
        // What it wrote just before its end may not have been read yet.
        std::array<char, kMaxLine> rest;
        error_code nothing;
        command.output().non_blocking(true, nothing);
        const auto size = command.output().read_some(asio::buffer(rest), nothing);
        if (length_ < kMaxLine) printed_.append(rest.data(), size);
        co_return judge(command.status());
    }

    /// Returns when it has printed too much; waits for ever when no process can print any more.
    Task<void> read_output(Command& command) {
        std::array<char, 4096> buffer;
        while (length_ < kMaxAnswer) {
            const auto [error, size] =
                co_await command.output().async_read_some(asio::buffer(buffer), as_result);
            if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
            if (error) co_await sleep_for_ever();
            if (length_ < kMaxLine) printed_.append(buffer.data(), std::min(size, kMaxLine - length_));
            length_ += size;
        }
    }

    ExecCheck check_;
    std::vector<std::string> environment_;
    SessionPreparer prepare_;
    std::string printed_;     ///< the first line, cut
    std::size_t length_ = 0;  ///< bytes printed
};

}  // namespace

std::unique_ptr<Probe> exec_probe(ExecCheck check, const ProbeTarget& target, const ProbeMeans& means) {
    return std::make_unique<ExecProbe>(std::move(check), target, means);
}

}  // namespace reseat::lb
