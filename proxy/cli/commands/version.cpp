// SPDX-License-Identifier: Apache-2.0
#include "bpf/doctor/kernel_features.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>

#include <cstdio>

namespace reseat::proxy {
namespace {

constexpr int kConfigVersion = 1;

int run(const Options& options) {
    const std::string libbpf = bpf::libbpf_version();
    if (options.output == Output::json) {
        const boost::json::object body{{"version", RESEAT_VERSION},
                                       {"build", RESEAT_BUILD_TYPE},
                                       {"libbpf", libbpf},
                                       {"config_version", kConfigVersion}};
        write_out(boost::json::serialize(body) + "\n");
    } else {
        std::printf("reseat %s (%s build, libbpf %s, configuration version %d)\n", RESEAT_VERSION,
                    RESEAT_BUILD_TYPE, libbpf.c_str(), kConfigVersion);
    }
    return 0;
}

}  // namespace

Command version_command() {
    return {.name = "version",
            .group = group::kTry,
            .summary = "Print the version",
            .flags = [](Flags& f) { f.output(); },
            .help = "Example:\n  reseat version -o json",
            .run = run};
}

}  // namespace reseat::proxy
