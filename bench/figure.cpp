// SPDX-License-Identifier: Apache-2.0
#include "bench/figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace reseat::bench {
namespace {

const char* name_of(Statistic statistic) {
    switch (statistic) {
        case Statistic::p50:
            return "p50";
        case Statistic::p99:
            return "p99";
        case Statistic::max:
            return "max";
    }
    return "";
}

std::string verdict(const Figure& figure) {
    if (!figure.aim) return "";
    const Aim& aim = *figure.aim;
    return fmt::format("{} {} {:g}: {}", name_of(aim.of), aim.at_least ? ">=" : "<=", aim.value,
                       is_met(figure) ? "met" : "aim missed");
}

}  // namespace

double percentile(std::vector<double> samples, double percent) {
    if (samples.empty()) return 0;
    std::ranges::sort(samples);
    const auto rank = std::ceil(percent / 100 * static_cast<double>(samples.size()));
    return samples[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

double value_of(const Figure& figure, Statistic statistic) {
    switch (statistic) {
        case Statistic::p50:
            return percentile(figure.samples, 50);
        case Statistic::p99:
            return percentile(figure.samples, 99);
        case Statistic::max:
            return percentile(figure.samples, 100);
    }
    return 0;
}

bool is_met(const Figure& figure) {
    if (!figure.aim) return true;
    if (figure.samples.empty()) return false;
    const double value = value_of(figure, figure.aim->of);
    return figure.aim->at_least ? value >= figure.aim->value : value <= figure.aim->value;
}

boost::json::object to_json(const Figure& figure) {
    boost::json::object out{{"name", figure.name}, {"unit", figure.unit}, {"n", figure.samples.size()}};
    for (const auto statistic : {Statistic::p50, Statistic::p99, Statistic::max})
        out[name_of(statistic)] = value_of(figure, statistic);
    if (figure.aim)
        out["aim"] = {{"of", name_of(figure.aim->of)},
                      {figure.aim->at_least ? "at_least" : "at_most", figure.aim->value},
                      {"met", is_met(figure)}};
    return out;
}

void print_header() {
    std::printf("  %-58s %6s %10s %10s %10s  %-6s %s\n", "", "n", "p50", "p99", "max", "unit", "aim");
}

void print(const Figure& figure) {
    const auto shown = [&](Statistic statistic) { return value_of(figure, statistic); };
    std::printf("  %-58s %6zu %10.3f %10.3f %10.3f  %-6s %s\n", figure.name.c_str(), figure.samples.size(),
                shown(Statistic::p50), shown(Statistic::p99), shown(Statistic::max), figure.unit.c_str(),
                verdict(figure).c_str());
}

}  // namespace reseat::bench
