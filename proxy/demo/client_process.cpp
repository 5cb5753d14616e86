// SPDX-License-Identifier: Apache-2.0
#include "proxy/demo/client_process.hpp"

#include <cerrno>
#include <system_error>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

[[noreturn]] void live(const ClientRole& role, int cgroup_procs, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // it died before we asked to be told
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (cgroup_procs >= 0 && ::write(cgroup_procs, "0", 1) != 1) ::_exit(1);
    play(role);
}

}  // namespace

ClientProcess::ClientProcess(const ClientRole& role, int cgroup_procs) {
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) live(role, cgroup_procs, parent);
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
}

ClientProcess::~ClientProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

}  // namespace reseat::proxy
