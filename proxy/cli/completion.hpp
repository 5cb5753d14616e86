// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace reseat::proxy {

/// What only running instances know; queried when needed. None: no instance answers.
struct RunningNames {
    std::function<std::vector<std::string>()> instances;
    std::function<std::vector<std::string>()> services;
    std::function<std::vector<std::string>()> backends;  ///< SERVICE/BACKEND
};

/// Words for the shell to go on with; these stand for words that the shell knows itself.
inline constexpr const char* kFiles = "<files>";
inline constexpr const char* kDirectories = "<directories>";
inline constexpr const char* kCommands = "<commands>";

/// What the last of `words` (those after "reseat"; it may be empty) may become, as the command line is
/// described: commands, flags, and values by their type names.
std::vector<std::string> completions(const CLI::App& line, const std::vector<std::string>& words,
                                     const RunningNames& names);

}  // namespace reseat::proxy
