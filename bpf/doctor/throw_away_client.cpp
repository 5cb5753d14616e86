// SPDX-License-Identifier: Apache-2.0
#include "bpf/doctor/throw_away_client.hpp"

#include "bpf/maps/byte_order.hpp"

#include <cerrno>
#include <csignal>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace reseat::bpf {

struct ThrowAwayClient::Request {
    int type = 0;  ///< 0: ask for the error of the last one
    lb_endpoint to{};
};

ThrowAwayClient::ThrowAwayClient(int procs) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return;
    channel_ = UniqueFd(pair[0]);
    UniqueFd childs_end(pair[1]);
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || write(procs, "0", 1) != 1) _exit(1);
    channel_.reset();
    serve(childs_end.get());
}

ThrowAwayClient::~ThrowAwayClient() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

void ThrowAwayClient::serve(int channel) {
    Request request;
    int last = -1;
    while (read(channel, &request, sizeof(request)) == sizeof(request)) {
        int error = 0;
        if (request.type != 0) {
            last = socket(AF_INET, request.type, 0);
            sockaddr_storage to;
            const socklen_t length = to_sockaddr(request.to, AF_INET, to);
            if (last < 0 || ::connect(last, reinterpret_cast<sockaddr*>(&to), length) != 0) error = errno;
        } else {
            char byte;
            error = recv(last, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0;
        }
        if (write(channel, &error, sizeof(error)) != sizeof(error)) break;
    }
    _exit(0);
}

int ThrowAwayClient::ask(const Request& request) {
    int answer = ECHILD;
    if (write(channel_.get(), &request, sizeof(request)) != sizeof(request)) return ECHILD;
    return read(channel_.get(), &answer, sizeof(answer)) == sizeof(answer) ? answer : ECHILD;
}

int ThrowAwayClient::connect(int type, const Endpoint& to) {
    return ask({.type = type, .to = to_kernel(to, Protocol::tcp)});
}

int ThrowAwayClient::error_of_last() {
    return ask({});
}

}  // namespace reseat::bpf
