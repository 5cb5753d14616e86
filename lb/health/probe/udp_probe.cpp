// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/probes.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace reseat::lb {
namespace {

constexpr Duration kTimeForIcmp = std::chrono::milliseconds(100);

/// A datagram that is refused by ICMP is a refusal at any time: UDP has no connection to be reset.
ProbeResult datagram_failure(const error_code& error) {
    auto result = connect_failure(error);
    if (result.outcome == ProbeOutcome::refused) result.detail = "port unreachable";
    return result;
}

class UdpProbe final : public Probe {
public:
    UdpProbe(UdpCheck check, const Endpoint& endpoint, SocketPreparer prepare)
        : check_(std::move(check)), endpoint_(endpoint), prepare_(std::move(prepare)) {}

    Task<ProbeResult> once(Duration timeout) override {
        Progress progress;
        if (!check_.expect.empty()) co_return co_await within(timeout, progress, attempt(progress));

        const auto patience = std::min(timeout, kTimeForIcmp);
        auto result = co_await within(patience, progress, attempt(progress));
        if (progress.timed_out) {
            result.outcome = ProbeOutcome::passed;
            result.detail = fmt::format("no ICMP error within {}", to_text(patience));
        }
        co_return result;
    }

private:
    Task<ProbeResult> attempt(Progress& progress) {
        asio::ip::udp::socket socket(co_await asio::this_coro::executor);
        if (const auto error = open(socket, endpoint_, prepare_)) co_return datagram_failure(error);
        error_code error;
        socket.connect(to_udp(endpoint_), error);  // only sets the peer: does not block
        if (error) co_return datagram_failure(error);
        const auto [send_error, sent] = co_await socket.async_send(asio::buffer(check_.send), as_result);
        if (send_error) co_return datagram_failure(send_error);
        co_return co_await read_answers(socket, progress);
    }

    Task<ProbeResult> read_answers(asio::ip::udp::socket& socket, Progress& progress) {
        std::vector<char> buffer(check_.expect.empty() ? 1 : kMaxAnswer);
        while (progress.received < kMaxAnswer) {
            const auto [error, size] = co_await socket.async_receive(asio::buffer(buffer), as_result);
            if (error) co_return datagram_failure(error);
            progress.received += std::max<std::size_t>(size, 1);
            const bool found =
                std::string_view(buffer.data(), size).find(check_.expect) != std::string_view::npos;
            if (found) co_return ProbeResult{ProbeOutcome::passed, "answered"};
        }
        co_return ProbeResult{ProbeOutcome::answered_badly, "64 KiB of answers without the expected one"};
    }

    UdpCheck check_;
    Endpoint endpoint_;
    SocketPreparer prepare_;
};

}  // namespace

std::unique_ptr<Probe> udp_probe(UdpCheck check, const Endpoint& endpoint, SocketPreparer prepare) {
    return std::make_unique<UdpProbe>(std::move(check), endpoint, std::move(prepare));
}

}  // namespace reseat::lb
