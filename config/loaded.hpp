// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostics.hpp"
#include "lb/model.hpp"

#include <optional>
#include <string>
#include <vector>

namespace reseat::config {

/// Where an address that a service listens to was written; `protocol: any` gives two.
struct ServiceAddress {
    std::string service;
    Protocol protocol;
    Endpoint endpoint;
    Position at;
};

struct Loaded {
    lb::Model model;
    std::vector<Diagnostic> warnings;  ///< legal, but surely not meant; in the order of the file
    std::string file;
    std::string sha256;  ///< of the bytes of the file, in lower-case hex
    std::vector<ServiceAddress> addresses;
    std::vector<std::string> tls_files;  ///< certificates and keys that it names, read with it
};

struct LoadOutcome {
    std::optional<Loaded> loaded;
    std::vector<Diagnostic> faults;  ///< where nothing was loaded: every error, in the order of the file

    explicit operator bool() const { return loaded.has_value(); }
};

/// Health checks that run commands: anyone who can write the configuration could run any command as reseat.
enum class ExecChecks {
    refused,   ///< an error
    doubtful,  ///< a warning that reseat needs --allow-exec for them
    allowed,
};

}  // namespace reseat::config
