// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/connect.hpp"
#include "lb/health/probe/grpc_exchange.hpp"
#include "lb/health/probe/probes.hpp"

#include <fmt/format.h>

#include <array>

namespace reseat::lb {
namespace {

class GrpcProbe final : public Probe {
public:
    GrpcProbe(GrpcCheck check, std::string authority, Dial dial)
        : check_(std::move(check)),
          dial_(std::move(dial)),
          authority_(std::move(authority)),
          asked_(check_.service.empty() ? "Health/Check" : "Health/Check " + abbreviated(check_.service)) {
        dial_.h2 = true;
    }

    Task<ProbeResult> once(Duration timeout) override {
        Progress progress;
        auto result = co_await within(timeout, progress, attempt(timeout, progress));
        if (progress.connected) result.detail = fmt::format("{}: {}", asked_, result.detail);
        co_return result;
    }

private:
    Task<ProbeResult> attempt(Duration timeout, Progress& progress) {
        auto opened = co_await connect(dial_, progress);
        if (auto* failure = std::get_if<ProbeResult>(&opened)) co_return std::move(*failure);
        const auto connection = std::get<std::unique_ptr<Connection>>(std::move(opened));
        GrpcExchange exchange(check_.service, authority_, dial_.tls.context ? "https" : "http", timeout);
        std::array<char, 4096> buffer;
        std::size_t received = 0;
        while (!exchange.result()) {
            for (auto out = exchange.output(); !out.empty(); out = exchange.output())
                if (const auto error = co_await connection->write(out))
                    co_return connection->failure(error, "while sending");
            if (exchange.result()) break;  // it may end with what it sends
            if (received >= kMaxAnswer)
                co_return ProbeResult{ProbeOutcome::answered_badly,
                                      fmt::format("{} KiB without an answer", received / 1024)};
            const auto [error, size] = co_await connection->read_some(buffer);
            if (error == asio::error::eof)
                exchange.end_of_input();
            else if (error)
                co_return connection->failure(error, "before the answer");
            received += size;
            exchange.input({buffer.data(), size});
        }
        co_return *exchange.result();
    }

    GrpcCheck check_;
    Dial dial_;
    std::string authority_;
    std::string asked_;  ///< "Health/Check orders"
};

}  // namespace

std::unique_ptr<Probe> grpc_probe(GrpcCheck check, std::string authority, Dial dial) {
    return std::make_unique<GrpcProbe>(std::move(check), std::move(authority), std::move(dial));
}

}  // namespace reseat::lb
