// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace reseat::bench {

enum class Statistic { p50, p99, max };

/// What we want to reach. A miss is told, it is no failure.
struct Aim {
    Statistic of = Statistic::p50;
    bool at_least = false;  ///< otherwise: at most
    double value = 0;
};

struct Figure {
    std::string name;
    std::string unit;
    std::vector<double> samples;
    std::optional<Aim> aim = std::nullopt;
};

/// Nearest rank; 0 without samples.
double percentile(std::vector<double> samples, double percent);
double value_of(const Figure& figure, Statistic statistic);
bool is_met(const Figure& figure);  ///< also where there is no aim

boost::json::object to_json(const Figure& figure);
void print_header();
void print(const Figure& figure);

}  // namespace reseat::bench
