// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload/child_process.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

enum Step : int { kJoin, kExec };

/// What the child reports through the pipe when it cannot become the command.
struct Fault {
    int step;
    int number;
};

std::vector<unsigned> open_descriptors() {
    std::vector<unsigned> open;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored))
        open.push_back(static_cast<unsigned>(std::stoul(entry.path().filename())));
    std::erase_if(
        open, [](unsigned one) { return ::fcntl(static_cast<int>(one), F_GETFD) < 0; });  // that directory
    std::ranges::sort(open);
    return open;
}

/// Libraries open some without O_CLOEXEC.
void close_on_exec_all_but(const std::vector<unsigned>& kept) {
    const auto range = [](unsigned first, unsigned last) {
        ::syscall(SYS_close_range, first, last, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
    };
    unsigned first = STDERR_FILENO + 1;
    for (const unsigned one : kept) {
        if (one < first) continue;
        if (one > first) range(first, one - 1);
        first = one + 1;
    }
    range(first, ~0U);
}

/// In the child: only what is safe after fork() in a process that has threads.
[[noreturn]] void become(char* const* arguments, int cgroup_procs, int report, const Inherited& inherited) {
    Fault fault{kJoin, 0};
    if (::write(cgroup_procs, "0", 1) == 1) {
        ::signal(SIGPIPE, inherited.ignores_sigpipe ? SIG_IGN : SIG_DFL);
        ::sigprocmask(SIG_SETMASK, &inherited.mask, nullptr);
        ::setrlimit(RLIMIT_NOFILE, &inherited.descriptor_limit);
        close_on_exec_all_but(inherited.descriptors);
        ::execvp(arguments[0], arguments);
        fault.step = kExec;
    }
    fault.number = errno;
    [[maybe_unused]] const auto told = ::write(report, &fault, sizeof fault);
    ::_exit(127);
}

StartFailure explain(const Fault& fault, const std::string& command) {
    const std::string why = std::strerror(fault.number);
    if (fault.step == kJoin) return {125, "the command could not enter its cgroup: " + why};
    return {fault.number == ENOENT ? 127 : 126, "cannot run " + command + ": " + why};
}

StartFailure own_failure(const char* what) {
    return {125, std::string(what) + ": " + std::strerror(errno)};
}

}  // namespace

Inherited Inherited::current() {
    Inherited state;
    ::getrlimit(RLIMIT_NOFILE, &state.descriptor_limit);
    state.descriptors = open_descriptors();
    ::pthread_sigmask(SIG_SETMASK, nullptr, &state.mask);
    struct sigaction pipe = {};
    ::sigaction(SIGPIPE, nullptr, &pipe);
    state.ignores_sigpipe = pipe.sa_handler == SIG_IGN;
    return state;
}

std::variant<std::unique_ptr<ChildProcess>, StartFailure> ChildProcess::start(
    asio::any_io_executor executor, const std::vector<std::string>& arguments, int cgroup_procs,
    const Inherited& inherited) {
    std::vector<char*> pointers;
    for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    std::array<int, 2> report{};
    if (::pipe2(report.data(), O_CLOEXEC) != 0) return own_failure("pipe");
    const pid_t pid = ::fork();
    if (pid == 0) become(pointers.data(), cgroup_procs, report[1], inherited);
    ::close(report[1]);
    if (pid < 0) {
        ::close(report[0]);
        return own_failure("fork");
    }
    Fault fault{};
    const auto told = ::read(report[0], &fault, sizeof fault);  // ends when the child execs or exits
    ::close(report[0]);
    if (told == sizeof fault) {
        ::waitpid(pid, nullptr, 0);
        return explain(fault, arguments.front());
    }
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) {
        const auto failure = own_failure("pidfd_open");
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return failure;
    }
    return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(executor), pid, pidfd));
}

void ChildProcess::signal(int number) {
    if (!ended_) ::kill(pid_, number);
}

Task<int> ChildProcess::wait() {
    co_await pidfd_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    co_return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace reseat::proxy
