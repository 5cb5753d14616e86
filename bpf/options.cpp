// SPDX-License-Identifier: Apache-2.0
#include "bpf/options.hpp"

#include "lb/select/maglev.hpp"
#include "lb/select/selection_table.hpp"
#include "lb/select/slow_start.hpp"

#include <algorithm>

namespace reseat::bpf {
namespace {

/// How long its tables may become while its backends come and go.
std::size_t largest_table(const lb::Service& service) {
    if (service.lb_policy == lb::LbPolicy::maglev) return 2 * lb::maglev_size(service.backends.size());
    std::size_t slots = 0;
    for (const auto& backend : service.backends) slots += std::max(backend.weight, 1u);
    if (service.slow_start > Duration::zero()) slots *= lb::kFullTenths;
    return std::min(slots, lb::most_slots(service.backends.size()));
}

}  // namespace

std::string_view to_string(Engine engine) {
    constexpr std::array<std::string_view, 4> names = {"tuple", "diag", "iterator", "descriptor"};
    return names[static_cast<std::size_t>(engine)];
}

KernelOptions sized_for(KernelOptions options, const std::vector<lb::Service>& services) {
    std::size_t addresses = 0, backends = 0, slots = 0;
    for (const auto& service : services) {
        addresses += service.addresses.size();
        backends += service.backends.size();
        slots += largest_table(service);
    }
    auto twice = [](std::uint32_t least, std::size_t needs) {
        return std::max(least, static_cast<std::uint32_t>(2 * needs));
    };
    options.max_services = twice(options.max_services, std::max(addresses, services.size()));
    options.max_backends = twice(options.max_backends, backends);
    options.max_slots = twice(options.max_slots, 2 * slots);
    return options;
}

}  // namespace reseat::bpf
