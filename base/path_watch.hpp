// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace reseat {

/// An entry of a directory that a path leads through.
struct Step {
    std::filesystem::path directory;
    std::string name;

    bool operator==(const Step&) const = default;
};

/// Every entry on the way from / to what `path` names, those that symbolic links add included, as far as it
/// exists. Blocks on the disk.
std::vector<Step> steps_to(const std::filesystem::path& path);

/// Hears of all that may make a path name something else or change what it names: changes of the file itself
/// and of each directory entry and link on the way to it. inotify(7).
class PathWatch {
public:
    /// Throws std::system_error where inotify is not to be had: its instances are limited for each user.
    PathWatch(asio::any_io_executor executor, std::filesystem::path path);

    struct News {
        bool any = false;
        bool written = false;  ///< a process writes into the file ...
        bool closed = false;   ///< ... and has closed it since
    };
    /// What happened since the last call. Does not wait.
    News take();

    /// Returns when take() may have something to report. Ends by cancellation.
    Task<void> wait();

private:
    void follow_the_path();

    std::filesystem::path path_;
    asio::posix::stream_descriptor inotify_;
    std::map<int, std::set<std::string>> directories_;  ///< watch -> names that matter there
    int file_ = -1;                                     ///< watch of what the path names; -1: nothing
};

}  // namespace reseat
