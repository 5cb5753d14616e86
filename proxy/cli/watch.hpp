// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "proxy/cli/options.hpp"

#include <functional>
#include <string>

namespace reseat::proxy {

/// What is to be shown now: whole lines.
using Picture = std::function<Result<std::string>()>;

/// Prints the picture, or its error; returns the exit status. With --watch again every second:
///
/// - on a terminal in place, on the alternate screen, cut to its height, at once when its size changes.
/// Ctrl-C
///   and SIGTERM restore the screen and end the process by that signal; Ctrl-Z restores it while stopped;
/// - elsewhere one after the other: tables each after a line "--- TIME", JSON one document a line.
///
/// An error of the first picture ends it; later ones are shown instead of it, as an instance may come back.
int show(const Options& options, const Picture& picture);

}  // namespace reseat::proxy
