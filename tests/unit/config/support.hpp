// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.hpp"
#include "tests/support/catch.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace reseat::config {

using Lines = std::vector<std::string>;

/// "line:column message" of each.
inline Lines brief(const std::vector<Diagnostic>& diagnostics) {
    Lines lines;
    for (const auto& d : diagnostics)
        lines.push_back(fmt::format("{}:{} {}", d.position.line, d.position.column, d.message));
    return lines;
}

inline Lines faults_of(std::string_view text) {
    return brief(load_text(text, "f.yaml").faults);
}

/// What `text` loads as; the test fails if it does not.
inline Loaded load(std::string_view text) {
    auto outcome = load_text(text, "f.yaml");
    INFO(fmt::format("{}", fmt::join(brief(outcome.faults), "\n")));
    REQUIRE(outcome);
    return std::move(*outcome.loaded);
}

inline Lines warnings_of(std::string_view text) {
    return brief(load(text).warnings);
}

/// A file with nothing wrong; what a test adds to its service starts on line 6.
inline const std::string plain_service =
    "version: 1\n"
    "services:\n"
    "  - name: web\n"
    "    address: 10.96.0.1:80\n"
    "    backends: [10.0.0.1:80, 10.0.0.2:80]\n";

/// The one fault of the service line `line`, which starts at 6:5.
inline std::string fault_of(const std::string& line) {
    const auto faults = faults_of(plain_service + "    " + line + "\n");
    CAPTURE(line, faults);
    CHECK(faults.size() == 1);
    return faults.empty() ? "" : faults.front();
}

/// The service with the service line `line`.
inline lb::Service service_with(const std::string& line) {
    return load(plain_service + "    " + line + "\n").model.services.at(0);
}

}  // namespace reseat::config
