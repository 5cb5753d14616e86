// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/make_probe.hpp"
#include "lb/model.hpp"
#include "tests/unit/lb/health/probe/probe_server.hpp"

#include <cerrno>
#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration kLong = 9s;

ProbeResult run(std::vector<std::string> command, Duration timeout = kLong, const ProbeMeans& means = {}) {
    asio::io_context io;
    HealthCheck check;
    check.type = CheckType::exec;
    check.exec.command = std::move(command);
    const auto probe = make_probe(check, {loopback(8080), "web", "web-1"}, means);
    auto result = await(io, probe->once(timeout));
    // What was killed is reaped when it is dead.
    CHECK(run_until(io, [] { return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }));
    return result;
}

ProbeResult shell(const std::string& script, Duration timeout = kLong) {
    return run({"/bin/sh", "-c", script}, timeout);
}

bool lives(pid_t process) {
    return ::kill(process, 0) == 0;
}

}  // namespace

TEST_CASE("exit status 0 passes, and the first line explains", "[probe][exec]") {
    const auto good = shell("echo all is well; echo more; exit 0");
    CHECK(good.outcome == ProbeOutcome::passed);
    CHECK(good.detail == "exit status 0: all is well");
    const auto bad = shell("echo replication is late >&2; exit 3");
    CHECK(bad.outcome == ProbeOutcome::answered_badly);
    CHECK(bad.detail == "exit status 3: replication is late");
    CHECK(shell("exit 1").detail == "exit status 1");
    CHECK(shell("kill -SEGV $$").detail == "killed by SIGSEGV");
    CHECK(shell("printf 'a\\033[2Jb'").detail == "exit status 0: a?[2Jb");
}

TEST_CASE("an exec check knows whom it is to check, and there is no shell between", "[probe][exec]") {
    CHECK(shell("echo $RESEAT_SERVICE $RESEAT_BACKEND $RESEAT_ADDRESS $RESEAT_PORT").detail ==
          "exit status 0: web web-1 127.0.0.1 8080");
    CHECK(run({"/bin/echo", "$HOME; exit 1", "*"}).detail == "exit status 0: $HOME; exit 1 *");
}

TEST_CASE("what cannot be run says nothing about the backend", "[probe][exec]") {
    const auto missing = run({"/nonexistent/check", "x"});
    CHECK(missing.outcome == ProbeOutcome::not_probed);
    CHECK(missing.detail == "cannot run /nonexistent/check: No such file or directory");
    CHECK(run({"/etc/passwd"}).detail == "cannot run /etc/passwd: Permission denied");
}

TEST_CASE("a command that hangs is killed at the timeout, with all of its group", "[probe][exec]") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);  // inherited by nobody: descriptors of ours are closed
    const auto result = shell("sleep 1000 & echo $! $$; trap '' TERM; sleep 1000", 500ms);
    CHECK(result.outcome == ProbeOutcome::unresponsive);
    CHECK_THAT(result.detail, Catch::StartsWith("killed after 500ms: "));
    pid_t child = 0, leader = 0;
    REQUIRE(std::sscanf(result.detail.c_str(), "killed after 500ms: %d %d", &child, &leader) == 2);
    asio::io_context io;
    // The grandchild is reaped by whoever adopts orphans here.
    const auto dead = [](pid_t process) {
        std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
        std::string text;
        std::getline(stat, text);
        return text.empty() || text.find(") Z ") != std::string::npos;
    };
    CHECK(run_until(io, [&] { return dead(child) && dead(leader); }));
    CHECK_FALSE(lives(leader));
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("what a command leaves running when it ends is killed too", "[probe][exec]") {
    const auto result = shell("sleep 1000 & echo $!");
    CHECK(result.outcome == ProbeOutcome::passed);
    pid_t child = 0;
    REQUIRE(std::sscanf(result.detail.c_str(), "exit status 0: %d", &child) == 1);
    asio::io_context io;
    CHECK(run_until(io, [&] {
        std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
        std::string text;
        std::getline(stat, text);
        return text.empty() || text.find(") Z ") != std::string::npos;
    }));
}

TEST_CASE("a command gets no descriptor, blocked signal or terminal of ours", "[probe][exec]") {
    const int leaky = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC, as a library might
    sigset_t all, before;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, &before);
    std::signal(SIGPIPE, SIG_IGN);
    // The three, and the directory that ls reads.
    CHECK(shell("ls /proc/self/fd | wc -l").detail == "exit status 0: 4");
    CHECK(run({"/bin/grep", "-c", "Sig[BI][lg][kn]:.*[1-9a-f]", "/proc/self/status"}).detail ==
          "exit status 1: 0");
    CHECK(shell("test $(ps -o sid= -p $$) = $$").detail == "exit status 0");
    CHECK(run({"/bin/grep", "-c", "CapAmb:.*[1-9a-f]", "/proc/self/status"}).detail == "exit status 1: 0");
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    ::close(leaky);
}

TEST_CASE("a command that floods its output is bounded, and a silent pipe is no hang [E41]",
          "[probe][exec]") {
    const auto flood = run({"/usr/bin/yes", "no"});
    CHECK(flood.outcome == ProbeOutcome::answered_badly);
    CHECK(flood.detail == "it printed more than 64 KiB: no");
    CHECK(shell("exec >&- 2>&-; exit 4").detail == "exit status 4");
    CHECK(shell("exec >&- 2>&-; sleep 1000", 300ms).detail == "killed after 300ms");
}
