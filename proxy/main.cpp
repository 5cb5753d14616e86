// SPDX-License-Identifier: Apache-2.0
#include "proxy/commands/commands.hpp"
#include "proxy/options.hpp"
#include "proxy/terminal.hpp"

#include <cstdio>
#include <exception>

#include <malloc.h>

namespace {

using namespace reseat::proxy;

int dispatch(const Options& options) {
    switch (options.command) {
        case Command::run:
            return run_command(options);
        case Command::exec:
            return exec_command(options);
        case Command::demo:
            return demo_command(options);
        case Command::validate:
            return validate_command(options);
        case Command::check:
            return check_command(options);
        case Command::doctor:
            return doctor_command(options);
        case Command::version:
            return version_command(options);
        case Command::status:
            return status_command(options);
        case Command::health:
            return health_command(options);
        case Command::reload:
            return reload_command(options);
        case Command::sockets:
            return sockets_command(options);
        case Command::terminate:
            return terminate_command(options);
        case Command::weight:
            return weight_command(options);
        case Command::detach:
            return detach_command(options);
    }
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    // One loop, and now and then some threads that wait for the kernel: an arena for each would keep its
    // pages for ever.
    mallopt(M_ARENA_MAX, 2);
    try {
        const auto parsed = parse_options({argv + 1, argv + argc});
        if (const auto* options = std::get_if<Options>(&parsed)) return dispatch(*options);
        const auto& ended = std::get<Ended>(parsed);
        std::fputs(ended.out.c_str(), stdout);
        std::fputs(ended.err.c_str(), stderr);
        return ended.status;
    } catch (const std::exception& failure) {
        return fail({reseat::lb::ErrorCode::failed, failure.what()});
    }
}
