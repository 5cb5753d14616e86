// SPDX-License-Identifier: Apache-2.0
#include "bench/measurements.hpp"
#include "bench/sidecar_process.hpp"
#include "bench/talk.hpp"

#include <atomic>
#include <random>

#include <sys/prctl.h>

namespace reseat::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 7000;
constexpr double kAimMilliseconds = 5;
constexpr auto kPatience = 10s;
constexpr Duration kPause = 50us;  ///< between two attempts of the client

/// What the client saw; times as now_ns(), 0: not yet.
struct Seen {
    std::atomic<std::int64_t> first_refused = 0, tcp_elsewhere = 0, udp_elsewhere = 0;
    std::atomic<unsigned> refused = 0;
};

class Client {
public:
    Client(const Endpoint& service, Seen& seen) : address_(service, AF_INET), seen_(seen) {}

    /// Once both protocols land at "a", tells 'r' and goes on until both have left it.
    void play_round(int end) {
        connect_at_home();
        seen_.first_refused = seen_.tcp_elsewhere = seen_.udp_elsewhere = 0;
        seen_.refused = 0;
        tell(end, 'r');
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!(seen_.tcp_elsewhere && seen_.udp_elsewhere) && std::chrono::steady_clock::now() < deadline) {
            if (!seen_.tcp_elsewhere) try_tcp();
            if (!seen_.udp_elsewhere) try_udp();
            pause_for(kPause);
        }
        tell(end, 'd');
    }

private:
    void connect_at_home() {
        while (talk_once(address_, SOCK_STREAM) != 'a' || talk_once(address_, SOCK_DGRAM) != 'a')
            pause_for(1ms);
        udp_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (::connect(udp_.get(), address_.get(), address_.length) != 0)
            throw std::runtime_error("connect a UDP socket");
    }

    void try_tcp() {
        std::int64_t connected_at = 0;
        if (talk_once(address_, SOCK_STREAM, &connected_at) == 'b') seen_.tcp_elsewhere = connected_at;
        if (connected_at != 0) return;
        if (seen_.refused++ == 0) seen_.first_refused = now_ns();
    }

    /// Each datagram carries nothing: what counts is who answers. Errors are the dead server's ICMP.
    void try_udp() {
        char first = 0;
        while (::recv(udp_.get(), &first, 1, 0) == 1)
            if (first == 'b') seen_.udp_elsewhere = now_ns();
        (void)!::send(udp_.get(), "x", 1, MSG_NOSIGNAL);
    }

    test::SocketAddress address_;
    Seen& seen_;
    UniqueFd udp_;
};

int be_client(const Endpoint& service, Seen& seen, int end) {
    ::prctl(PR_SET_TIMERSLACK, 1000);
    Client client(service, seen);
    while (true) {
        await_order<char>(end);
        client.play_round(end);
    }
    return 0;
}

/// Thresholds, intervals and timeouts as they are by default; only recovery is sped up, for the next round.
lb::Service checked(const Endpoint& address, const std::vector<Endpoint>& backends, Protocol protocol) {
    auto made = service(protocol == Protocol::tcp ? "tcp" : "udp", address, backends, protocol);
    made.health_check = {};
    made.health_check.unhealthy_interval = 100ms;
    made.health_check.fast_interval = 100ms;
    return made;
}

}  // namespace

std::vector<Figure> process_death(bool quick) {
    Stage stage({"a", "b"});
    const Shared<Seen> seen;
    const Channel channel;
    const auto vip = endpoint("10.96.0.1:80");
    const Process client = stage.in_workload([&] { return be_client(vip, *seen, channel.theirs()); });
    Process first = stage.echo_server("a", kPort);
    const Process second = stage.echo_server("b", kPort);
    std::vector<Endpoint> backends;
    for (const auto& host : stage.lab().hosts()) backends.push_back({host.address(), kPort});
    const Process sidecar =
        start_sidecar(stage, {checked(vip, backends, Protocol::tcp), checked(vip, backends, Protocol::udp)});
    const Aim aim{Statistic::p99, false, kAimMilliseconds};
    Figure tcp{"kill -9 -> first TCP connect lands elsewhere", "ms", {}, aim};
    Figure udp{"kill -9 -> connected UDP is answered from elsewhere", "ms", {}, aim};
    Figure gone{"kill -9 -> the kernel refuses the first connect, part of the above", "ms", {}};
    Figure late{"noise of the machine: a sleep of 1 ms ends late by", "ms", {}};
    Figure refused{"TCP connects that failed meanwhile", "", {}};
    Figure missed{"clients that never came elsewhere", "", {0}};
    std::minstd_rand random(1);
    for (int i = 0; i < (quick ? 10 : 100); ++i) {
        tell(channel.ours(), 'g');
        hear<char>(channel.ours());
        sleep_for(20ms + std::uniform_int_distribution(0, 50'000)(random) * 1us, late);
        const auto killed = now_ns();
        first.kill();
        hear<char>(channel.ours());
        const std::pair<Figure*, std::int64_t> outcomes[] = {{&tcp, seen->tcp_elsewhere},
                                                             {&udp, seen->udp_elsewhere}};
        for (const auto& [figure, at] : outcomes) {
            if (at == 0) ++missed.samples.front();
            figure->samples.push_back(at == 0 ? 1e3 * kPatience.count() : milliseconds_between(killed, at));
        }
        refused.samples.push_back(seen->refused);
        if (seen->first_refused) gone.samples.push_back(milliseconds_between(killed, seen->first_refused));
        first = stage.echo_server("a", kPort);
    }
    return {tcp, udp, gone, refused, missed, late};
}

}  // namespace reseat::bench
