// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostics.hpp"
#include "lb/discovery/document.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace reseat::config {

struct EndpointFile {
    std::vector<lb::SourcedEndpoint> endpoints;
    std::vector<Diagnostic> faults;  ///< not empty: `endpoints` mean nothing
};

/// Reads a file of endpoints, which is YAML or JSON: docs/sources.md. An empty file is a fault, as a writer
/// may have truncated it to write it anew; an empty list is not. `file` is only used in the faults.
EndpointFile read_endpoint_file(std::string_view text, const std::string& file);

}  // namespace reseat::config
