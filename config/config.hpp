// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostics.hpp"
#include "lb/model.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// YAML text in, either a model or every fault of the text out. Three steps, one file each:
/// yaml_tree (text -> nodes with positions), read (nodes -> ConfigFile), compile (-> lb::Model).
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

/// A larger file is refused.
inline constexpr std::size_t max_file_size = 4 * 1024 * 1024;

/// Loads a regular file or a pipe (waits for its end for at most 5 s). Blocks on the disk.
/// Reads the files that it names, too. Never throws for what it contains; memory stays below 256 MiB.
LoadOutcome load_file(const std::string& path, ExecChecks exec = ExecChecks::refused);

/// The same for text that is already in memory; `file_name` is only used in the diagnostics.
LoadOutcome load_text(std::string_view text, const std::string& file_name,
                      ExecChecks exec = ExecChecks::refused);

}  // namespace reseat::config
