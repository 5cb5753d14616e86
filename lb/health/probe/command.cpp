// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/command.hpp"

#include "lb/health/probe/probe_socket.hpp"

#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace reseat::lb {
namespace {

[[noreturn]] void fail() {
    throw boost::system::system_error(errno, boost::system::system_category());
}

/// Both ends are closed on exec; only the reading end is waited for.
struct Pipe {
    int ends[2] = {-1, -1};
    Pipe() {
        if (::pipe2(ends, O_CLOEXEC) != 0) fail();
    }
    Pipe(const Pipe&) = delete;
    ~Pipe() {
        for (const int end : ends)
            if (end >= 0) ::close(end);
    }
    int take_reader() { return std::exchange(ends[0], -1); }
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> all;
    for (const auto& text : strings) all.push_back(const_cast<char*>(text.c_str()));
    all.push_back(nullptr);
    return all;
}

/// Ours may be high; programs that use select() break on a descriptor of 1,024 or above.
void lower_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_cur, FD_SETSIZE);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// In the child: only what is safe after fork() in a process that has threads.
[[noreturn]] void become(char* const* arguments, char* const* environment, int output, int report,
                         const SessionPreparer& prepare, Command::Errors errors) {
    constexpr int first_free = STDERR_FILENO + 1;
    sigset_t none;
    ::sigemptyset(&none);
    // SIGKILL and SIGSTOP refuse, which does no harm.
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    ::setsid();
    if (prepare.begin) prepare.begin(::getpid());
    // What reseat may do is nothing that a check needs; root's commands still are root's.
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    const int empty = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    // `report` may itself stand where another one goes.
    const int told = ::fcntl(report, F_DUPFD_CLOEXEC, first_free);
    const int written = ::fcntl(output, F_DUPFD_CLOEXEC, first_free);
    if (told >= 0 && ::dup2(empty, STDIN_FILENO) >= 0 && ::dup2(written, STDOUT_FILENO) >= 0 &&
        ::dup2(errors == Command::Errors::nowhere ? empty : written, STDERR_FILENO) >= 0) {
        // What a library may have opened without O_CLOEXEC.
        ::syscall(SYS_close_range, first_free, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        lower_descriptor_limit();
        ::execvpe(arguments[0], arguments, environment);
    }
    const int number = errno;
    [[maybe_unused]] const auto sent = ::write(told >= 0 ? told : report, &number, sizeof number);
    ::_exit(127);
}

}  // namespace

Command::Command(asio::any_io_executor executor, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment, const SessionPreparer& prepare, Errors errors)
    : output_(executor), report_(executor), process_(executor), end_session_(prepare.end) {
    auto variables = pointers(environment);
    variables.pop_back();
    for (char** ours = environ; *ours; ++ours) variables.push_back(*ours);
    variables.push_back(nullptr);
    const auto words = pointers(arguments);
    Pipe output, report;
    pid_ = ::fork();
    if (pid_ == 0) become(words.data(), variables.data(), output.ends[1], report.ends[1], prepare, errors);
    if (pid_ < 0) fail();
    const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (process < 0) {
        const int number = errno;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        errno = number;
        fail();
    }
    process_.assign(process);
    output_.assign(output.take_reader());
    report_.assign(report.take_reader());
}

Command::~Command() {
    if (pid_ > 0) reap_later();
}

Task<int> Command::started() {
    int number = 0;
    const auto [error, size] =
        co_await report_.async_read_some(asio::buffer(&number, sizeof number), as_result);
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    co_return size == sizeof number ? number : 0;
}

Task<void> Command::ended() {
    co_await process_.async_wait(asio::posix::stream_descriptor::wait_read, asio::deferred);
}

int Command::status() {
    // Before it is reaped: until then no other process gets its number.
    ::kill(-pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    if (end_session_) end_session_(pid_);
    pid_ = 0;
    return status;
}

/// It dies at once, but for one that the kernel holds: we do not wait for that.
void Command::reap_later() {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);  // should it not have a group of its own yet
    if (end_session_) end_session_(pid_);
    auto process = std::make_shared<asio::posix::stream_descriptor>(std::move(process_));
    auto reap = [process, pid = pid_](const error_code&) { ::waitpid(pid, nullptr, WNOHANG); };
    process->async_wait(asio::posix::stream_descriptor::wait_read, std::move(reap));
}

}  // namespace reseat::lb
