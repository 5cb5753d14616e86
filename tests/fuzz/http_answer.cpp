// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/http_answer.hpp"

#include "base/printable.hpp"
#include "tests/fuzz/targets.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>

namespace reseat::fuzz {
namespace {

constexpr std::size_t kMostRead = 256 * 1024;

/// A peer that says what is in `answer`, and then no more.
class Recital : public lb::Connection {
public:
    Recital(Bytes answer, std::size_t piece, bool resets) : rest_(answer), piece_(piece), resets_(resets) {}

    Task<Read> read_some(std::span<char> into) override {
        const auto size = std::min({into.size(), piece_, rest_.size()});
        if (size == 0) co_return Read{resets_ ? asio::error::connection_reset : end(), 0};
        std::ranges::copy(rest_.first(size), into.begin());
        rest_ = rest_.subspan(size);
        told_ += size;
        co_return Read{{}, size};
    }
    Task<lb::error_code> write(std::string_view) override { co_return lb::error_code(); }
    lb::ProbeResult failure(const lb::error_code& error, std::string_view what) const override {
        return lb::talk_failure(error, what);
    }

    std::size_t told() const { return told_; }

private:
    static lb::error_code end() { return asio::error::eof; }

    Bytes rest_;
    std::size_t piece_;
    bool resets_;
    std::size_t told_ = 0;
};

}  // namespace

void http_answer(Bytes input) {
    if (input.size() < 2) return;
    const unsigned how = input[0];
    lb::HttpCheck check;
    if (how & 1) check.expect_body = "all is well";
    if (how & 2) check.method = "HEAD";
    Recital peer(input.subspan(2), input[1] + 1U, (how & 4) != 0);
    asio::io_context io;
    auto judging = asio::co_spawn(io, lb::read_http_answer(check, peer), asio::use_future);
    io.run();
    const lb::ProbeResult result = judging.get();
    require(result.outcome == lb::ProbeOutcome::passed || result.outcome == lb::ProbeOutcome::answered_badly);
    require(!result.detail.empty() && result.detail.size() < 200);
    require(printable(result.detail) == result.detail);
    require(peer.told() <= kMostRead + 256);
}

}  // namespace reseat::fuzz
