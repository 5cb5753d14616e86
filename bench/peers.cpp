// SPDX-License-Identifier: Apache-2.0
#include "bench/peers.hpp"

#include "bpf/maps/byte_order.hpp"

#include <array>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/wait.h>

extern char** environ;

namespace reseat::bench {

void kill_with_ss(const Endpoint& backend) {
    const std::string address = to_string(backend.address), port = std::to_string(backend.port);
    const std::array<const char*, 8> words = {"ss",    "-Kt4", "dst",        address.c_str(),
                                              "dport", "=",    port.c_str(), nullptr};
    posix_spawn_file_actions_t silence;
    posix_spawn_file_actions_init(&silence);
    posix_spawn_file_actions_addopen(&silence, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid = -1;
    const int error =
        posix_spawnp(&pid, "ss", &silence, nullptr, const_cast<char* const*>(words.data()), environ);
    posix_spawn_file_actions_destroy(&silence);
    if (error != 0) throw std::system_error(error, std::generic_category(), "run ss");
    ::waitpid(pid, nullptr, 0);
}

std::vector<bpf::SocketTuple> sockets_to(bpf::SockDiag& diag, const Endpoint& backend, Protocol protocol) {
    const bool tcp = protocol == Protocol::tcp;
    const lb_endpoint wanted = bpf::to_kernel(backend, protocol);
    std::vector<bpf::SocketTuple> found;
    const auto dumped = diag.dump({.protocol = static_cast<std::uint8_t>(tcp ? IPPROTO_TCP : IPPROTO_UDP),
                                   .states = tcp ? bpf::kLiveTcpStates : bpf::kConnectedUdp},
                                  [&](const bpf::DiagSocket& socket) {
                                      if (bpf::same_endpoint(socket.tuple.remote, wanted))
                                          found.push_back(socket.tuple);
                                  });
    if (!dumped) throw std::runtime_error(dumped.error().message);
    return found;
}

void kill_after_dump(bpf::SockDiag& diag, const Endpoint& backend) {
    const auto found = sockets_to(diag, backend, Protocol::tcp);
    if (auto ended = diag.destroy(found); !ended) throw std::runtime_error(ended.error().message);
}

}  // namespace reseat::bench
