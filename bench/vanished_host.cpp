// SPDX-License-Identifier: Apache-2.0
#include "bench/idle_clients.hpp"
#include "bench/measurements.hpp"
#include "bench/sidecar_process.hpp"

#include <random>

namespace reseat::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 7000;
constexpr unsigned kClients = 50;
constexpr double kAimOverBound = 5;
constexpr auto kPatience = 5s;

lb::HealthCheck short_check() {
    lb::HealthCheck check;
    check.interval = 200ms;
    check.fast_interval = 50ms;
    check.unhealthy_interval = 50ms;
    check.timeout = 100ms;
    return check;
}

/// docs: a vanished host is noticed within interval + timeout + (threshold - 1) x (fast_interval + timeout).
double bound_ms(const lb::HealthCheck& check) {
    const Duration bound = check.interval + check.timeout +
                           (check.unhealthy_threshold - 1) * (check.fast_interval + check.timeout);
    return static_cast<double>(bound / 1us) / 1e3;
}

}  // namespace

std::vector<Figure> vanished_host(bool quick) {
    Stage stage({"a", "b"});
    const auto vip = endpoint("10.96.0.1:80");
    IdleClients clients(stage, vip, kClients);
    const Process first = stage.echo_server("a", kPort), second = stage.echo_server("b", kPort);
    auto& host = stage.lab().host("a");
    auto balanced = service("tcp", vip, {{host.address(), kPort}, {stage.lab().host("b").address(), kPort}});
    balanced.health_check = short_check();
    const Process sidecar = start_sidecar(stage, {balanced});

    Figure over{"link down -> last of 50 idle clients told, minus bound",
                "ms",
                {},
                Aim{Statistic::max, false, kAimOverBound}};
    Figure told{"link down -> last of 50 idle clients told", "ms", {}};
    Figure going{"what taking the link down takes, part of the above", "ms", {}};
    Figure late{"noise of the machine: a sleep of 1 ms ends late by", "ms", {}};
    Figure missed{"clients that were not told", "", {0}};
    std::minstd_rand random(1);
    for (int i = 0; i < (quick ? 5 : 60); ++i) {
        clients.connect('a');
        sleep_for(300ms + std::uniform_int_distribution(0, 200'000)(random) * 1us, late);
        const auto start = now_ns();
        host.vanish();
        going.samples.push_back(milliseconds_between(start, now_ns()));
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!clients.all_told() && std::chrono::steady_clock::now() < deadline) pause_for(5ms);
        missed.samples.front() += kClients - clients.told();
        told.samples.push_back(clients.all_told() ? milliseconds_between(start, clients.last_told())
                                                  : 1e3 * kPatience.count());
        over.samples.push_back(told.samples.back() - bound_ms(short_check()));
        host.reappear();
    }
    Figure bound{"bound of 200 ms, 100 ms, 50 ms, threshold 3", "ms", {bound_ms(short_check())}};
    return {over, told, bound, going, missed, late};
}

}  // namespace reseat::bench
