// SPDX-License-Identifier: Apache-2.0
#include "base/printable.hpp"
#include "config/config.hpp"
#include "tests/fuzz/targets.hpp"

#include <algorithm>

namespace reseat::fuzz {

void configuration(Bytes input) {
    const auto text = text_of(input);
    const auto lines = static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return c == '\n' || c == '\r'; }) + 1);
    const auto outcome = config::load_text(text, "fuzz.yaml", config::ExecChecks::allowed);
    const auto check = [&](const config::Diagnostic& fault) {
        require(!fault.message.empty() && printable(fault.message) == fault.message);
        require(fault.position.line <= lines + 1);
    };
    std::ranges::for_each(outcome.faults, check);
    require(outcome.loaded.has_value() == outcome.faults.empty());
    if (!outcome.loaded) return;
    std::ranges::for_each(outcome.loaded->warnings, check);
    for (const auto& service : outcome.loaded->model.services) {
        require(!service.name.empty() && service.name.size() <= 63 && !service.addresses.empty());
        require(service.health_check.timeout > Duration::zero());
        require(service.health_check.interval > Duration::zero());
    }
}

}  // namespace reseat::fuzz
