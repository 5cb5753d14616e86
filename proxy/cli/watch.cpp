// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/watch.hpp"

#include "base/text.hpp"
#include "proxy/show/terminal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>

#include <sys/ioctl.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

constexpr const char* kEnter = "\033[?1049h\033[?25l\033[?7l";
constexpr const char* kLeave = "\033[?7h\033[?25h\033[?1049l";
constexpr int kFailed = 1;
constexpr timespec kPeriod{.tv_sec = 1, .tv_nsec = 0};

/// Terminal signals as events: they are blocked, and wait until they are asked for.
class Signals {
public:
    Signals() {
        ::sigemptyset(&set_);
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH})
            ::sigaddset(&set_, number);
        ::sigprocmask(SIG_BLOCK, &set_, &before_);
    }
    ~Signals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

    /// The next one within a period; 0: none came.
    int next() const {
        const int number = ::sigtimedwait(&set_, nullptr, &kPeriod);
        return number > 0 ? number : 0;
    }

private:
    sigset_t set_{};
    sigset_t before_{};
};

/// The terminal's alternate screen, without cursor and without breaking lines, as long as this lives.
class Screen {
public:
    Screen() { write_out(kEnter); }
    ~Screen() { write_out(kLeave); }

    void draw(const std::string& picture) const {
        std::string out = "\033[H";
        const auto lines = split(picture, '\n');
        const std::size_t all = lines.size() - 1;  // the last line ends, too
        const std::size_t room = height();
        const std::size_t shown = all <= room ? all : room - 1;
        for (std::size_t i = 0; i < shown; ++i)
            out += std::string(lines[i]) + "\033[K" + (i + 1 < room ? "\n" : "");
        if (shown < all) out += fmt::format("... {} more lines\033[K", all - shown);
        write_out(out + "\033[J");
    }

    void stop_process() const {
        write_out(kLeave);
        ::raise(SIGSTOP);
        write_out(kEnter);
    }

private:
    static std::size_t height() {
        winsize size{};
        ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        return size.ws_row < 2 ? 24 : size.ws_row;
    }
};

std::string text_of(const Result<std::string>& picture) {
    return picture ? *picture : "reseat: " + one_line(picture.error().message) + "\n(trying again)\n";
}

/// Until a signal that ends us, which is returned; 0: what is shown cannot be written any more.
int watch_in_place(const Signals& signals, Result<std::string> first, const Picture& picture) {
    const Screen screen;
    screen.draw(text_of(first));
    while (true) {
        const int number = signals.next();
        if (number == SIGTSTP)
            screen.stop_process();
        else if (number != 0 && number != SIGWINCH)
            return number;
        screen.draw(text_of(picture()));
    }
}

int watch_in_order(const Signals& signals, Result<std::string> first, const Picture& picture,
                   bool separated) {
    Result<std::string> now = std::move(first);
    while (true) {
        if (separated) write_out("--- " + iso8601(std::chrono::system_clock::now()) + "\n");
        if (now)
            write_out(*now);
        else
            fail(now.error());
        if (!write_out()) return 0;
        const int number = signals.next();
        if (number == SIGTSTP)
            ::raise(SIGSTOP);
        else if (number != 0 && number != SIGWINCH)
            return number;
        now = picture();
    }
}

/// Ends this process as the signal would have without us.
int end_by(int number) {
    std::signal(number, SIG_DFL);
    ::raise(number);
    return 128 + number;  // it was ignored when we were started
}

}  // namespace

int show(const Options& options, const Picture& picture) {
    auto first = picture();
    if (!first) return fail(first.error());
    if (!options.watch) {
        write_out(*first);
        return 0;
    }
    int ended_by = 0;
    {
        const Signals signals;
        const bool in_place = ::isatty(STDOUT_FILENO) == 1 && options.output == Output::table;
        ended_by = in_place
                       ? watch_in_place(signals, std::move(first), picture)
                       : watch_in_order(signals, std::move(first), picture, options.output == Output::table);
    }
    return ended_by == 0 ? kFailed : end_by(ended_by);
}

}  // namespace reseat::proxy
