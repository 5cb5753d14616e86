// SPDX-License-Identifier: Apache-2.0
#include "bench/balanced.hpp"
#include "bench/measurements.hpp"
#include "bench/run_time.hpp"

#include <fmt/format.h>

#include <cerrno>

#include <sys/socket.h>

namespace reseat::bench {
namespace {

constexpr unsigned kBlock = 250;
constexpr std::uint16_t kFirstPort = 10'000;

struct Order {
    Endpoint to;
    unsigned times = 0;
};

/// connect + close of a UDP socket, over and over: nobody has to answer, however many backends there are.
int obey(int end) {
    while (true) {
        const auto order = await_order<Order>(end);
        const test::SocketAddress to(order.to, AF_INET);
        int error = 0;
        for (unsigned i = 0; i < order.times && error == 0; ++i) {
            const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            if (::connect(fd.get(), to.get(), to.length) != 0) error = errno;
        }
        tell(end, error);
    }
    return 0;
}

struct Case {
    lb::LbPolicy policy;
    std::size_t backends, services;
};

std::vector<lb::Service> services_of(const Case& of, const Address& host) {
    std::vector<Endpoint> backends;
    for (std::size_t i = 0; i < of.backends; ++i)
        backends.push_back({host, static_cast<std::uint16_t>(kFirstPort + i)});
    std::vector<lb::Service> all;
    for (std::size_t i = 0; i < of.services; ++i) {
        const auto address = endpoint(fmt::format("10.96.0.1:{}", 1000 + i));
        all.push_back(service(fmt::format("s{}", i), address, backends, Protocol::udp));
        all.back().lb_policy = of.policy;
        for (auto& backend : all.back().backends) backend.priority = 0;
    }
    return all;
}

}  // namespace

std::vector<Figure> selection_time(bool quick) {
    Stage stage({"a"});
    const Channel channel;
    const Process client = stage.in_workload([&] { return obey(channel.theirs()); });
    const auto host = stage.lab().host("a").address(Family::v4);
    std::vector<Figure> figures;
    for (const auto policy :
         {lb::LbPolicy::round_robin, lb::LbPolicy::random, lb::LbPolicy::least_conn, lb::LbPolicy::maglev}) {
        for (const auto& [backends, services] : {std::pair{2, 1}, std::pair{2000, 1}, std::pair{2, 1000}}) {
            const auto all = services_of(
                {policy, static_cast<std::size_t>(backends), static_cast<std::size_t>(services)}, host);
            const Balanced balanced(stage, all, bpf::sized_for({}, all));
            const RunTimes times(stage.cgroup());
            Figure figure{
                fmt::format("{}, {} backends, {} services: lb_connect4", word_of(policy), backends, services),
                "us",
                {}};
            for (unsigned i = 0; i < (quick ? 10 : 100); ++i) {
                const RunTime before = times.read().at("lb_connect4");
                const auto& service = all[i * 37 % all.size()];
                tell(channel.ours(), Order{service.addresses.front(), kBlock});
                if (const int error = hear<int>(channel.ours()))
                    throw std::system_error(error, std::generic_category(), "connect to " + service.name);
                const RunTime after = times.read().at("lb_connect4");
                figure.samples.push_back(static_cast<double>(after.ns - before.ns) / 1e3 /
                                         static_cast<double>(after.runs - before.runs));
            }
            figures.push_back(std::move(figure));
        }
    }
    return figures;
}

}  // namespace reseat::bench
