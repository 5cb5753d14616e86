// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/admin/status.hpp"
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/show/lists_text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

#include <unistd.h>

/// drain, ready and maint.
namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPoll = 200ms;

/// The backend that is waited for, over all protocols of its service.
struct Progress {
    bool exists = false;
    std::uint64_t open_sockets = 0;
    std::string state;
    std::string reason;
    bool is_up = false;
    bool given_up = false;
    std::map<std::string, BackendView> halves;  ///< by protocol
};

Result<Progress> look(const std::string& socket, const Options& options) {
    const auto status = get_object(socket, "/status");
    if (!status) return status.error();
    Progress progress{.is_up = true};
    for (const auto& service : read_status(*status).services)
        for (const auto& backend : service.backends) {
            if (service.name != options.service || backend.name != options.backend) continue;
            progress.exists = true;
            progress.open_sockets += backend.open_sockets;
            progress.state = backend.state;
            progress.reason = backend.reason;
            progress.is_up &= backend.state == "up";
            progress.halves[service.protocol] = backend;
        }
    return progress;
}

bool is_reached(const Progress& progress, const Options& options) {
    if (options.command == "ready") return progress.exists && progress.is_up;
    return progress.open_sockets == 0;
}

/// Another operator or a reload has changed the state.
bool is_contradicted(const Progress& progress, const Options& options) {
    if (!progress.exists) return options.command == "ready";
    const bool is_out =
        progress.state == "drain" || progress.state == "maint" || progress.state == "removing";
    return is_out == (options.command == "ready");
}

std::string describe(const Progress& progress, const Options& options) {
    if (options.command != "ready")
        return fmt::format("{}: {}, {}", subject(options), options.command,
                           counted(progress.open_sockets, "open socket"));
    return fmt::format("{}: {}{}", subject(options), progress.state,
                       progress.reason.empty() ? "" : ", " + progress.reason);
}

/// One line that changes, on a terminal only.
class Ticker {
public:
    explicit Ticker(const Options& options)
        : shown_(options.output == Output::table && ::isatty(STDOUT_FILENO) == 1) {}
    ~Ticker() {
        if (shown_) std::fputs("\r\033[K", stdout);
    }
    void show(const std::string& text) const {
        if (!shown_) return;
        std::fputs(("\r" + text + "\033[K").c_str(), stdout);
        write_out();
    }

private:
    bool shown_;
};

/// Until it is reached, or given up.
Result<Progress> wait(const std::string& socket, const Options& options) {
    const auto began = Clock::now();
    const Ticker ticker(options);
    while (true) {
        auto progress = look(socket, options);
        if (!progress || is_reached(*progress, options)) return progress;
        ticker.show(describe(*progress, options) + " ...");
        if (is_contradicted(*progress, options))
            return Error{ErrorCode::failed, fmt::format("{} is {} now: no longer waiting", subject(options),
                                                        progress->exists ? progress->state : "gone")};
        progress->given_up = options.timeout && Clock::now() - began >= *options.timeout;
        if (progress->given_up) return progress;
        std::this_thread::sleep_for(kPoll);
    }
}

void print(const Progress& progress, const Options& options) {
    if (options.output == Output::table) {
        fmt::print("{}\n", describe(progress, options));
        return;
    }
    const boost::json::object body{{"state", options.command}, {"open_sockets", progress.open_sockets}};
    write_out(boost::json::serialize(body) + "\n");
}

/// How to go on, with the same instance.
void offer(const Options& options, const char* what, const std::string& command) {
    const std::string instance = !options.admin.empty()      ? " --admin " + options.admin
                                 : !options.instance.empty() ? " --instance " + options.instance
                                                             : "";
    fmt::print(stderr, "  {:<23}reseat {}{}\n", what, command, instance);
}

/// Tells which sockets are left below the error, as that takes more than a line.
int fail_late(const std::string& socket, const Progress& progress, const Options& options) {
    const int status = fail({ErrorCode::failed, fmt::format("timed out after {}: {}", human(*options.timeout),
                                                            describe(progress, options))});
    if (options.command == "ready") return status;
    const auto now = std::chrono::system_clock::now();
    if (const auto list = get_object(socket, "/sockets" + query_for(options)))
        std::fputs(left_open_text(list->at("sockets").as_array(), progress.halves, now).c_str(), stderr);
    offer(options, "to keep waiting:", options.command + " " + subject(options) + " --wait");
    offer(options, "to list them:", "sockets " + subject(options));
    offer(options, "to terminate them now:", "terminate " + subject(options));
    offer(options, "to use it again:", "ready " + subject(options));
    return status;
}

int run(const Options& options) {
    const auto socket = instance_socket(options);
    if (!socket) return fail(socket.error());
    if (const auto done = post(*socket, path_to(options, options.command)); !done) return fail(done.error());
    const auto progress = options.wait ? wait(*socket, options) : look(*socket, options);
    if (!progress) return fail(progress.error());
    if (progress->given_up) return fail_late(*socket, *progress, options);
    print(*progress, options);
    return 0;
}

void take(Flags& f, const std::string& until) {
    f.backend("Name of the backend");
    f.waiting(until);
    f.instance();
    f.output();
}

}  // namespace

Command drain_command() {
    return {.name = "drain",
            .group = group::kChange,
            .summary = "Stop new connections to a backend and let its open ones end",
            .flags = [](Flags& f) { take(f, "no socket is open on it"); },
            .help =
                "on_drain decides what happens to open sockets: by default, TCP sockets stay open for "
                "drain_timeout\n"
                "at most, and connected UDP sockets are re-pointed at once. The state lasts until `reseat "
                "ready`,\n"
                "or until a reload changes the configured state. With --wait, the exit status is 1 if "
                "sockets are\n"
                "still open after --timeout; the processes that hold them are listed.\n\n"
                "Example:\n  reseat drain postgres/pg-1 --wait --timeout 5m",
            .run = run};
}

Command ready_command() {
    return {.name = "ready",
            .group = group::kChange,
            .summary = "Use a backend again after drain or maint",
            .flags = [](Flags& f) { take(f, "it is up"); },
            .help =
                "It gets new connections as soon as its health check passes.\n\n"
                "Example:\n  reseat ready postgres/pg-1 --wait",
            .run = run};
}

Command maint_command() {
    return {.name = "maint",
            .group = group::kChange,
            .summary = "Take a backend out for maintenance",
            .flags = [](Flags& f) { take(f, "no socket is open on it"); },
            .help =
                "Like drain: the backend gets no new connections, whatever its health, as with HAProxy's "
                "maint.\n\n"
                "Example:\n  reseat maint postgres/pg-1",
            .run = run};
}

}  // namespace reseat::proxy
