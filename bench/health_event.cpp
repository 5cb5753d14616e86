// SPDX-License-Identifier: Apache-2.0
#include "bench/balanced.hpp"
#include "bench/measurements.hpp"

#include <fmt/format.h>

namespace reseat::bench {
namespace {

struct Case {
    lb::LbPolicy policy;
    std::size_t backends, services;
};

std::vector<lb::Service> services_of(const Case& of) {
    std::vector<lb::Service> all;
    for (std::size_t i = 0; i < of.services; ++i) {
        std::vector<Endpoint> backends;
        for (std::size_t j = 0; j < of.backends; ++j)
            backends.push_back(endpoint(fmt::format("10.77.{}.{}:{}", j / 250, j % 250 + 1, 1000 + i)));
        all.push_back(
            service(fmt::format("s{}", i), endpoint(fmt::format("10.96.0.1:{}", 1000 + i)), backends));
        all.back().lb_policy = of.policy;
        all.back().health_check.type = lb::CheckType::tcp;  // nobody checks: the verdicts are ours
        for (auto& backend : all.back().backends) backend.priority = 0;
    }
    return all;
}

}  // namespace

std::vector<Figure> health_event(bool quick) {
    using enum lb::LbPolicy;
    Stage stage({"a"});
    std::vector<Figure> figures;
    for (const Case& of :
         {Case{round_robin, 3, 1}, Case{round_robin, 2000, 1}, Case{round_robin, 3, 1000},
          Case{least_conn, 2000, 1}, Case{maglev, 3, 1}, Case{maglev, 2000, 1}, Case{maglev, 3, 1000}}) {
        const auto all = services_of(of);
        Balanced balanced(stage, all, bpf::sized_for({}, all));
        Figure figure{fmt::format("{}, {} backends, {} services: from the verdict to the new table",
                                  word_of(of.policy), of.backends, of.services),
                      "ms",
                      {}};
        for (unsigned i = 0; i < (quick ? 4 : 40); ++i) {
            balanced.verdict(i / 2 * 7 % of.services, 1, i % 2 == 1);
            figure.samples.push_back(balanced.settle());
            const std::int64_t rested = now_ns() + 20'000'000;  // a grace period gives the old table back
            balanced.run_until([&] { return now_ns() > rested; });
        }
        figures.push_back(std::move(figure));
    }
    return figures;
}

}  // namespace reseat::bench
