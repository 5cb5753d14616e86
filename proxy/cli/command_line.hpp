// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/cli/options.hpp"

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace CLI {
class App;
}

namespace reseat::proxy {

/// The command line asked for help or made no sense: print and end.
struct Ended {
    int status = 0;   ///< 0 help or version, 2 usage, 125 usage of exec
    std::string out;  ///< for stdout
    std::string err;  ///< for stderr
};

/// Parses `arguments` (without the program's name); each flag may come from the environment as RESEAT_*
/// instead, the command line wins. Of `exec`, everything after the first `--`, or from the first word that
/// is no flag, is the command and is not looked at.
std::variant<Options, Ended> parse_options(std::vector<std::string> arguments);

/// The command line as CLI11 knows it, with every subcommand, for help and manuals. Parsing it writes to
/// `options`, which must outlive it; only the subcommand `chosen` reads the environment.
std::unique_ptr<CLI::App> command_line(Options& options, const std::string& chosen);

/// "reseat drain [OPTIONS] SERVICE/BACKEND": how a subcommand is written, or reseat itself.
std::string synopsis(const CLI::App& command);

}  // namespace reseat::proxy
