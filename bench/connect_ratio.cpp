// SPDX-License-Identifier: Apache-2.0
#include "bench/balanced.hpp"
#include "bench/measurements.hpp"
#include "bench/talk.hpp"

namespace reseat::bench {
namespace {

constexpr std::uint16_t kPort = 7000;
constexpr unsigned kBlock = 50;
constexpr double kAim = 0.95;

struct Way {
    std::string name;
    Endpoint service;
    Endpoint backend;
};

/// Throughput through the service over that past it, pair by pair; and past it over not attached at all.
std::vector<Figure> compare(const Way& way, const Talker& inside, const Talker& outside, unsigned pairs) {
    Figure ratio{way.name + ": service / direct", "ratio", {}, Aim{Statistic::p50, true, kAim}};
    Figure attached{way.name + ": direct / not attached", "ratio", {}};
    Figure service{way.name + ": through the service", "us", {}};
    Figure direct{way.name + ": direct", "us", {}};
    Figure control{way.name + ": not attached", "us", {}};
    const auto block = [](const Talker& talker, const Endpoint& to) {
        return static_cast<double>(talker.run({to, Protocol::tcp, kBlock})) / 1e3 / kBlock;
    };
    for (unsigned i = 0; i < pairs; ++i) {
        double through = 0, past = 0;
        if (i % 2 == 0) through = block(inside, way.service);
        past = block(inside, way.backend);
        if (i % 2 == 1) through = block(inside, way.service);
        const double free = block(outside, way.backend);
        service.samples.push_back(through);
        direct.samples.push_back(past);
        control.samples.push_back(free);
        ratio.samples.push_back(past / through);
        attached.samples.push_back(free / past);
    }
    return {ratio, attached, service, direct, control};
}

}  // namespace

std::vector<Figure> connect_ratio(bool quick) {
    Stage stage({"a"});
    const Talker inside(stage, true);
    const Talker outside(stage, false);
    const Process far = stage.echo_server("a", kPort);
    const Process near = stage.local_echo_server(kPort);
    const Endpoint remote{stage.lab().host("a").address(), kPort};
    const Endpoint local{endpoint("127.0.0.1:7000")};
    const Way ways[] = {{"TCP, other namespace", endpoint("10.96.0.1:80"), remote},
                        {"TCP, loopback", endpoint("10.96.0.2:80"), local}};
    Balanced balanced(
        stage, {service("remote", ways[0].service, {remote}), service("local", ways[1].service, {local})});
    std::vector<Figure> figures;
    for (const auto& way : ways)
        for (auto& figure : compare(way, inside, outside, quick ? 20 : 400))
            figures.push_back(std::move(figure));
    return figures;
}

}  // namespace reseat::bench
