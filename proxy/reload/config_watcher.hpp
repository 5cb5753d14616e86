// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/path_watch.hpp"
#include "proxy/reload/reloader.hpp"

#include <optional>
#include <string>

namespace reseat::proxy {

/// Decides what a state of a file means while it may be being written. No clock, no file: step it by hand.
class FileJudge {
public:
    void on_news(const PathWatch::News& news);

    /// How long nothing must happen before the next look: long enough for a writer that has the file open,
    /// for a file that was invalid at the last look, or for a burst of changes to end.
    Duration quiet() const;

    enum class Verdict {
        nothing,     ///< known already
        look_again,  ///< invalid, but perhaps only half written: look once more after quiet()
        take         ///< apply or report it
    };
    /// `content` identifies what was found; `known` is what was taken last.
    Verdict on_look(const std::string& content, bool valid, const std::string& known);

private:
    bool being_written_ = false;
    std::optional<std::string> suspect_;  ///< invalid content, seen once
};

/// Reloads the configuration whenever its file changes, however it is replaced: by rename, by writing into
/// it, by swapping a symbolic link on the way to it. The last content wins; a half-written one is not taken.
class ConfigWatcher {
public:
    explicit ConfigWatcher(Reloader& reloader) : reloader_(reloader) {}

    /// Runs until cancelled. Throws std::system_error where inotify is not to be had.
    Task<void> run();

private:
    Task<void> until_quiet(PathWatch& watch);
    Task<void> until_news(PathWatch& watch);

    Reloader& reloader_;
    FileJudge judge_;
};

}  // namespace reseat::proxy
