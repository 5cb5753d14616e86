// SPDX-License-Identifier: Apache-2.0
#include "bench/balanced.hpp"
#include "bench/crowd.hpp"
#include "bench/idle_clients.hpp"
#include "bench/measurements.hpp"
#include "bench/peers.hpp"

#include <algorithm>
#include <deque>

namespace reseat::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 7000;
constexpr unsigned kClients = 10;
constexpr unsigned kFewestRounds = 5;
constexpr auto kTimePerFigure =
    15s;  ///< then no further round begins; an engine that scans needs seconds for each
constexpr std::array kEngines = {bpf::Engine::tuple, bpf::Engine::diag, bpf::Engine::iterator,
                                 bpf::Engine::descriptor};
constexpr double kAimFlat = 2;           ///< tuple among the most bystanders / alone
constexpr double kAimAgainstSs = 1'000;  ///< ss -K / tuple among 300,000
constexpr double kAimPerSocket = 1.5;    ///< a whole backend: reseat / batched exact destroys alone

/// 10 idle clients of one backend among ever more bystanders.
class Course {
public:
    Course(Stage& stage, std::vector<unsigned> sizes)
        : stage_(stage),
          vip_(endpoint("10.96.0.1:80")),
          clients_(stage, vip_, kClients),
          first_(stage.echo_server("a", kPort)),
          second_(stage.echo_server("b", kPort)),
          sizes_(std::move(sizes)) {
        for (const auto* name : {"a", "b"}) backends_.push_back({stage.lab().host(name).address(), kPort});
    }

    /// One figure per size: verdict to the last client woken, of up to `rounds`. With `ss`, the same by `ss
    /// -K` after each.
    std::vector<Figure> run(bpf::Engine engine, unsigned rounds, bool with_ss) {
        std::deque<Crowd> crowds;
        std::vector<lb::Service> services = {service("tcp", vip_, backends_)};
        unsigned placed = 0;
        for (std::size_t i = 0; i < sizes_.size(); ++i) {
            const auto port = static_cast<std::uint16_t>(8000 + 100 * i);
            crowds.emplace_back(stage_, "c", sizes_[i] - placed, Protocol::tcp, port);
            placed = sizes_[i];
            services.insert(services.end(), crowds.back().services().begin(), crowds.back().services().end());
        }
        Balanced balanced(stage_, services, {.most_index_chunks = 128, .only_engine = engine});
        std::vector<Figure> figures;
        for (std::size_t i = 0; i < sizes_.size(); ++i) {
            crowds[i].gather(stage_);
            const std::string among = " among " + std::to_string(sizes_[i]);
            Figure ours{std::string(to_string(engine)) + among, "ms", {}}, ss{"ss -K" + among, "ms", {}};
            const auto until = std::chrono::steady_clock::now() + kTimePerFigure;
            for (unsigned round = 0; round < rounds; ++round) {
                if (round >= kFewestRounds && std::chrono::steady_clock::now() > until) break;
                ours.samples.push_back(by_reseat(balanced));
                if (with_ss) ss.samples.push_back(by_ss());
            }
            figures.push_back(std::move(ours));
            if (with_ss) figures.push_back(std::move(ss));
        }
        unsigned alive = 0;
        for (Crowd& crowd : crowds) alive += crowd.still_there();
        if (alive != placed) throw std::runtime_error("a bystander lost its connection");
        return figures;
    }

private:
    double by_reseat(Balanced& balanced) {
        clients_.connect('a');
        const auto start = now_ns();
        balanced.verdict(0, 0, false);
        balanced.run_until([&] { return clients_.all_told(); });
        const double took = milliseconds_between(start, clients_.last_told());
        balanced.run_until([&] { return balanced.last_report(0).terminated >= kClients; });
        balanced.verdict(0, 0, true);
        const auto again = std::chrono::steady_clock::now() + 20ms;
        balanced.run_until([&] { return std::chrono::steady_clock::now() > again; });
        return took;
    }

    double by_ss() {
        clients_.connect('a');
        const auto start = now_ns();
        kill_with_ss(backends_.front());
        clients_.wait_until_all_told();
        return milliseconds_between(start, clients_.last_told());
    }

    Stage& stage_;
    Endpoint vip_;
    IdleClients clients_;
    Process first_, second_;
    std::vector<unsigned> sizes_;
    std::vector<Endpoint> backends_;
};

double median(const Figure& figure) {
    return value_of(figure, Statistic::p50);
}

const Figure& named(const std::vector<Figure>& figures, const std::string& name) {
    return *std::ranges::find(figures, name, &Figure::name);
}

std::vector<Figure> among_bystanders(Stage& stage, bool quick) {
    const std::vector<unsigned> sizes =
        quick ? std::vector<unsigned>{1'000, 10'000} : std::vector<unsigned>{1'000, 10'000, 100'000, 300'000};
    Course course(stage, sizes);
    std::vector<Figure> figures;
    for (const auto engine : kEngines)
        for (Figure& figure : course.run(engine, quick ? 3 : 30, engine == bpf::Engine::tuple))
            figures.push_back(std::move(figure));
    const std::string few = " among " + std::to_string(sizes.front()),
                      most = " among " + std::to_string(sizes.back());
    const double tuple = median(named(figures, "tuple" + most));
    figures.push_back({"tuple" + most + " / among " + std::to_string(sizes.front()),
                       "ratio",
                       {tuple / median(named(figures, "tuple" + few))},
                       Aim{Statistic::p50, false, kAimFlat}});
    figures.push_back({"ss -K / tuple" + most,
                       "ratio",
                       {median(named(figures, "ss -K" + most)) / tuple},
                       quick ? std::nullopt : std::optional(Aim{Statistic::p50, true, kAimAgainstSs})});
    return figures;
}

/// All sockets of all backends of `crowd` lose them at once; microseconds per socket.
double whole_backend(Stage& stage, Protocol protocol, unsigned count, bpf::Engine engine) {
    Crowd crowd(stage, "c", count, protocol);
    std::vector<lb::Service> services = crowd.services();
    for (lb::Service& service : services) {
        service.connections.only_if_alternative = false;
        service.connections.close_spread = Duration::zero();
        service.connections.udp = lb::UdpFate::terminate;
    }
    Balanced balanced(stage, services, {.only_engine = engine});
    crowd.gather(stage);
    balanced.run_until([&] { return balanced.plane().unresolved_sockets() == 0; });
    const auto ended = [&] {
        unsigned sum = 0;
        for (std::size_t i = 0; i < services.size(); ++i) sum += balanced.last_report(i).terminated;
        return sum;
    };
    const auto start = now_ns();
    for (std::size_t i = 0; i < services.size(); ++i) balanced.verdict(i, 0, false);
    balanced.run_until([&] { return ended() >= count; });
    const double took = milliseconds_between(start, now_ns());
    if (crowd.still_there() != 0) throw std::runtime_error("a socket was left on its backend");
    return took * 1e3 / count;
}

/// The kernel's own cost: exact destroys, batched, of sockets that are known already.
double batched_destroys(Stage& stage, Protocol protocol, unsigned count) {
    Crowd crowd(stage, "c", count, protocol);
    Balanced balanced(stage, crowd.services());
    crowd.gather(stage);
    auto diag = bpf::SockDiag::open();
    if (!diag) throw std::runtime_error(diag.error().message);
    std::vector<bpf::SocketTuple> tuples;
    for (const lb::Service& service : crowd.services())
        for (const auto& tuple : sockets_to(*diag, service.backends.front().endpoint, protocol))
            tuples.push_back(tuple);
    const auto start = now_ns();
    if (auto ended = diag->destroy(tuples); !ended) throw std::runtime_error(ended.error().message);
    const double took = milliseconds_between(start, now_ns());
    if (crowd.still_there() != 0) throw std::runtime_error("a socket was left on its backend");
    return took * 1e3 / count;
}

std::vector<Figure> whole_backends(Stage& stage, bool quick) {
    const unsigned count = quick ? 5'000 : 50'000;
    std::vector<Figure> figures;
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        const std::string what = ", " + std::to_string(count) + " of " + std::to_string(count) + " " +
                                 std::string(to_string(protocol)) + ", each";
        Figure baseline{"batched exact destroys" + what, "us", {}};
        Figure ratio{
            "tuple / batched exact destroys" + what, "ratio", {}, Aim{Statistic::p50, false, kAimPerSocket}};
        std::vector<Figure> ours;
        for (const auto engine : kEngines) ours.push_back({std::string(to_string(engine)) + what, "us", {}});
        for (unsigned round = 0; round < (quick ? 1 : 5); ++round) {
            baseline.samples.push_back(batched_destroys(stage, protocol, count));
            for (std::size_t i = 0; i < ours.size(); ++i)
                ours[i].samples.push_back(whole_backend(stage, protocol, count, kEngines[i]));
            ratio.samples.push_back(ours.front().samples.back() / baseline.samples.back());
        }
        figures.push_back(std::move(baseline));
        for (Figure& figure : ours) figures.push_back(std::move(figure));
        figures.push_back(std::move(ratio));
    }
    return figures;
}

}  // namespace

std::vector<Figure> terminate(bool quick) {
    Stage stage({"a", "b", "c"});
    auto figures = among_bystanders(stage, quick);
    for (Figure& figure : whole_backends(stage, quick)) figures.push_back(std::move(figure));
    return figures;
}

}  // namespace reseat::bench
