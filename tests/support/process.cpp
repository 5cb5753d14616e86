// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.hpp"

#include "tests/support/test_cgroup.hpp"
#include "tests/support/wait.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <system_error>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace reseat::test {
namespace {

int run_child(const std::string& cgroup, const lab::NetNamespace& net, const std::function<int()>& body) {
    try {
        join_cgroup(cgroup);
        net.join();
        return body();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "child process: %s\n", error.what());
        return 255;
    }
}

}  // namespace

Process::Process(const std::string& cgroup, const lab::NetNamespace& net, const std::function<int()>& body) {
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ > 0) return;
    for (const int signal : {SIGINT, SIGTERM, SIGSEGV, SIGABRT, SIGFPE, SIGILL}) ::signal(signal, SIG_DFL);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(255);
    const int status = run_child(cgroup, net, body);
    std::fflush(nullptr);
    ::_exit(status);
}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        kill();
        pid_ = std::exchange(other.pid_, -1);
    }
    return *this;
}

Process::~Process() {
    kill();
}

int Process::wait(std::chrono::milliseconds within) {
    int status = 0;
    if (!wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, within)) {
        kill();
        throw std::runtime_error("a child process did not end in time");
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Process::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

}  // namespace reseat::test
