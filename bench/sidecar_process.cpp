// SPDX-License-Identifier: Apache-2.0
#include "bench/sidecar_process.hpp"

#include "proxy/sidecar/logging.hpp"
#include "proxy/sidecar/sidecar.hpp"

#include <cstdio>

namespace reseat::bench {
namespace {

constexpr auto kFirstRound = std::chrono::seconds(10);

Task<void> tell_when_ready(proxy::Sidecar& sidecar, int end) {
    co_await sidecar.first_round(kFirstRound);
    tell(end, 'y');
}

int run_sidecar(const std::string& cgroup, const std::vector<lb::Service>& services, int end) {
    proxy::set_up_logging(lb::LogLevel::error, lb::LogFormat::text);
    lb::Model model;
    model.services = services;
    auto sidecar = proxy::Sidecar::start({.config = {.model = model, .file = "(bench)"},
                                          .instance = "bench",
                                          .workload = {.directory = cgroup, .name = cgroup},
                                          .admin_socket = {}});
    if (!sidecar) {
        std::fprintf(stderr, "%s\n", sidecar.error().message.c_str());
        return 1;
    }
    (*sidecar)->add("ready", tell_when_ready(**sidecar, end));
    return (*sidecar)->serve() ? 0 : 1;
}

}  // namespace

Process start_sidecar(const Stage& stage, const std::vector<lb::Service>& services) {
    const Channel channel;
    Process process = stage.beside([&] { return run_sidecar(stage.cgroup(), services, channel.theirs()); });
    hear<char>(channel.ours());
    return process;
}

}  // namespace reseat::bench
