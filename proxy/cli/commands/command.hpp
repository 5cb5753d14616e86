// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/cli/options.hpp"

#include <string_view>
#include <vector>

namespace reseat::proxy {

class Flags;

/// Headings of `reseat --help`, in this order.
namespace group {
inline constexpr std::string_view kBalance = "Balance";
inline constexpr std::string_view kTry = "Before running";
inline constexpr std::string_view kLook = "Inspect a running instance";
inline constexpr std::string_view kChange = "Change a running instance";
inline constexpr std::string_view kHidden = "";
}  // namespace group

/// A subcommand: what --help, the manual page, completion and main() know of it.
struct Command {
    std::string_view name;
    std::string_view group;
    std::string_view summary;              ///< one line, no full stop
    void (*flags)(Flags&) = nullptr;       ///< adds what it takes
    std::string_view help;                 ///< what else there is to know; ends with an example
    int (*run)(const Options&) = nullptr;  ///< returns the exit status
};

/// All of them, in the order of --help.
///
/// To add one: write commands/NAME.cpp with a function NAME_command(), and name it in commands.cpp.
const std::vector<Command>& all_commands();

}  // namespace reseat::proxy
