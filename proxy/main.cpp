// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/command_line.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/show/terminal.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>

#include <malloc.h>

using namespace reseat;
using namespace reseat::proxy;

namespace {

int run(int argc, char** argv) {
    const auto parsed = parse_options({argv + 1, argv + argc});
    if (const auto* options = std::get_if<Options>(&parsed))
        return std::ranges::find(all_commands(), options->command, &Command::name)->run(*options);
    const auto& ended = std::get<Ended>(parsed);
    write_out(ended.out);
    std::fputs(ended.err.c_str(), stderr);
    return ended.status;
}

}  // namespace

int main(int argc, char** argv) {
    // One loop, and now and then some threads that wait for the kernel: an arena for each would keep its
    // pages for ever.
    mallopt(M_ARENA_MAX, 2);
    try {
        return written(run(argc, argv));
    } catch (const std::exception& failure) {
        const bool lost_output = std::ferror(stdout) != 0;
        return lost_output ? written(0) : fail({reseat::ErrorCode::failed, failure.what()});
    }
}
