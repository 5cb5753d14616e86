// SPDX-License-Identifier: Apache-2.0
#include "bench/balanced.hpp"
#include "bench/crowd.hpp"
#include "bench/idle_clients.hpp"
#include "bench/measurements.hpp"
#include "bench/peers.hpp"

namespace reseat::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 7000;
constexpr unsigned kClients = 10;
constexpr double kAimMilliseconds = 1;

struct Contest {
    Balanced& balanced;
    IdleClients& clients;
    bpf::SockDiag& diag;
    Endpoint backend;

    /// Milliseconds to the last client, and the part of it that reseat spent on ending the sockets.
    std::pair<double, double> by_reseat() {
        clients.connect('a');
        const auto start = now_ns();
        balanced.verdict(0, 0, false);
        balanced.run_until([&] { return clients.all_told(); });
        const double took = milliseconds_between(start, clients.last_told());
        balanced.run_until([&] { return balanced.last_report(0).terminated >= kClients; });
        const double ending = static_cast<double>(balanced.last_report(0).duration / 1us) / 1e3;
        balanced.verdict(0, 0, true);
        const auto again = std::chrono::steady_clock::now() + 20ms;
        balanced.run_until([&] { return std::chrono::steady_clock::now() > again; });
        return {took, ending};
    }

    template <class Kill>
    double by_peer(Kill kill) {
        clients.connect('a');
        const auto start = now_ns();
        kill();
        clients.wait_until_all_told();
        return milliseconds_between(start, clients.last_told());
    }
};

std::vector<Figure> compare(Contest contest, const std::string& among, unsigned rounds) {
    Figure ours{"verdict -> last of 10 clients woken, " + among,
                "ms",
                {},
                Aim{Statistic::p99, false, kAimMilliseconds}};
    Figure ss{"ss -K, the same, " + among, "ms", {}};
    Figure dump{"dump + exact destroy, the same, " + among, "ms", {}};
    Figure ss_ratio{"ss -K / reseat, " + among, "ratio", {}},
        dump_ratio{"dump / reseat, " + among, "ratio", {}};
    Figure part{"  of which ending the sockets, " + among, "ms", {}};
    Figure late{"noise of the machine: a sleep of 1 ms ends late by", "ms", {}};
    for (unsigned i = 0; i < rounds; ++i) {
        sleep_for(5ms, late);
        const auto [took, ending] = contest.by_reseat();
        ours.samples.push_back(took);
        part.samples.push_back(ending);
        ss.samples.push_back(contest.by_peer([&] { kill_with_ss(contest.backend); }));
        dump.samples.push_back(contest.by_peer([&] { kill_after_dump(contest.diag, contest.backend); }));
        ss_ratio.samples.push_back(ss.samples.back() / ours.samples.back());
        dump_ratio.samples.push_back(dump.samples.back() / ours.samples.back());
    }
    return {ours, part, ss, ss_ratio, dump, dump_ratio, late};
}

}  // namespace

std::vector<Figure> wake_up(bool quick) {
    const unsigned bystanders = quick ? 20'000 : 100'000;
    Stage stage({"a", "b", "c"});
    const auto vip = endpoint("10.96.0.1:80");
    IdleClients clients(stage, vip, kClients);
    const Process first = stage.echo_server("a", kPort), second = stage.echo_server("b", kPort);
    Crowd crowd(stage, "c", bystanders);
    std::vector<Endpoint> backends;
    for (const auto* name : {"a", "b"}) backends.push_back({stage.lab().host(name).address(), kPort});
    std::vector<lb::Service> services = {service("tcp", vip, backends)};
    services.insert(services.end(), crowd.services().begin(), crowd.services().end());
    Balanced balanced(stage, services);
    auto diag = bpf::SockDiag::open();
    if (!diag) throw std::runtime_error(diag.error().message);

    const Contest contest{balanced, clients, *diag, backends.front()};
    auto figures = compare(contest, "alone", quick ? 10 : 100);
    crowd.gather(stage);
    for (auto& figure : compare(contest, "among " + std::to_string(bystanders), quick ? 10 : 200))
        figures.push_back(std::move(figure));
    figures.push_back({"bystanders that lost their connection",
                       "",
                       {static_cast<double>(bystanders - crowd.still_there())}});
    return figures;
}

}  // namespace reseat::bench
