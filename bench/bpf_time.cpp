// SPDX-License-Identifier: Apache-2.0
#include "bench/balanced.hpp"
#include "bench/measurements.hpp"
#include "bench/run_time.hpp"
#include "bench/talk.hpp"

#include <fmt/format.h>

namespace reseat::bench {
namespace {

constexpr std::uint16_t kPort = 7000;
constexpr unsigned kBlock = 250;
constexpr double kAimMicroseconds = 4;

struct Kind {
    std::string name;
    Talker::Order order;
    bool has_aim;
};

/// The sum over all programs first, then each program that ran.
std::vector<Figure> measure(const Kind& kind, const Talker& talker, const RunTimes& times, unsigned blocks) {
    Figure all{kind.name + ": all programs, per connect", "us", {}};
    if (kind.has_aim) all.aim = Aim{Statistic::p50, false, kAimMicroseconds};
    std::map<std::string, Figure> parts;
    std::map<std::string, std::uint64_t> runs;
    constexpr double connects = kBlock + Talker::kWarmUp;
    for (unsigned i = 0; i < blocks; ++i) {
        const auto before = times.read();
        talker.run(kind.order);
        double sum = 0;
        for (const auto& [name, after] : times.read()) {
            const RunTime& old = before.at(name);
            if (after.runs == old.runs) continue;
            const double us = static_cast<double>(after.ns - old.ns) / 1e3 / connects;
            parts[name].samples.push_back(us);
            runs[name] += after.runs - old.runs;
            sum += us;
        }
        all.samples.push_back(sum);
    }
    std::vector<Figure> figures{all};
    for (auto& [name, part] : parts) {
        part.name =
            fmt::format("  {}, {:.1f} runs", name, static_cast<double>(runs[name]) / connects / blocks);
        part.unit = "us";
        figures.push_back(std::move(part));
    }
    return figures;
}

}  // namespace

std::vector<Figure> bpf_time(bool quick) {
    Stage stage({"a"});
    const Talker talker(stage, true);
    const Process server = stage.echo_server("a", kPort);
    const auto& host = stage.lab().host("a");
    const Endpoint v4{host.address(Family::v4), kPort}, v6{host.address(Family::v6), kPort};
    const auto vip4 = endpoint("10.96.0.1:80"), vip6 = endpoint("[fd96::1]:80");
    const auto tcp = Protocol::tcp, udp = Protocol::udp;
    const Balanced balanced(stage, {service("tcp4", vip4, {v4}, tcp), service("tcp6", vip6, {v6}, tcp),
                                    service("udp4", vip4, {v4}, udp), service("udp6", vip6, {v6}, udp)});
    const RunTimes times(stage.cgroup());
    const Kind kinds[] = {{"TCP over IPv4, service", {vip4, tcp, kBlock}, true},
                          {"TCP over IPv6, service", {vip6, tcp, kBlock}, true},
                          {"connected UDP over IPv4, service", {vip4, udp, kBlock}, true},
                          {"connected UDP over IPv6, service", {vip6, udp, kBlock}, true},
                          {"TCP over IPv4, direct", {v4, tcp, kBlock}, false},
                          {"connected UDP over IPv4, direct", {v4, udp, kBlock}, false}};
    std::vector<Figure> figures;
    for (const auto& kind : kinds)
        for (auto& figure : measure(kind, talker, times, quick ? 10 : 100))
            figures.push_back(std::move(figure));
    return figures;
}

}  // namespace reseat::bench
