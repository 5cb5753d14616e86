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
constexpr std::uint16_t kFirstPort = 10000;  // none of them is dialled: all rules are judged, none decides
constexpr std::uint16_t kPortStep = 100;

/// Rules that all apply to the address, by prefixes of each length, each with ports of its own.
std::vector<lb::AccessPolicy> rules(unsigned count, const Address& address) {
    lb::AccessPolicy policy{"other-ports", lb::PolicyAction::deny, {}, lb::ExistingSockets::keep};
    for (unsigned i = 0; i < count; ++i) {
        lb::Cidr network{address, 128 - i % 32};
        for (unsigned bit = network.bits; bit < 128; ++bit)
            network.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
        const auto port = static_cast<std::uint16_t>(kFirstPort + i * kPortStep);
        policy.to.push_back({network, {}, Protocol::tcp, {{port, port}}});
    }
    return count ? std::vector{policy} : std::vector<lb::AccessPolicy>{};
}

}  // namespace

std::vector<Figure> policy_time(bool quick) {
    Stage stage({"a"});
    const Talker talker(stage, true);
    const Process server = stage.echo_server("a", kPort);
    const Endpoint to{stage.lab().host("a").address(Family::v4), kPort};
    std::vector<Figure> figures;
    for (const unsigned count : {0U, 10U, 200U}) {
        const Balanced balanced(stage, {}, {}, rules(count, to.address));
        const RunTimes times(stage.cgroup());
        Figure figure{fmt::format("TCP over IPv4, direct, {} rules: lb_connect4", count), "us", {}};
        for (unsigned i = 0; i < (quick ? 10 : 100); ++i) {
            const RunTime before = times.read().at("lb_connect4");
            talker.run({to, Protocol::tcp, kBlock});
            const RunTime after = times.read().at("lb_connect4");
            figure.samples.push_back(static_cast<double>(after.ns - before.ns) / 1e3 /
                                     static_cast<double>(after.runs - before.runs));
        }
        figures.push_back(std::move(figure));
    }
    return figures;
}

}  // namespace reseat::bench
