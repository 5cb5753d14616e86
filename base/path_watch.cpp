// SPDX-License-Identifier: Apache-2.0
#include "base/path_watch.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <system_error>

#include <sys/inotify.h>
#include <unistd.h>

namespace reseat {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as path_resolution(7)
constexpr std::uint32_t kEntries = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
constexpr std::uint32_t kContent = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB;

int make_inotify() {
    const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "inotify");
    return descriptor;
}

}  // namespace

std::vector<Step> steps_to(const fs::path& path) {
    std::error_code ignored;
    const fs::path absolute = fs::absolute(path, ignored);
    std::deque<fs::path> ahead(absolute.begin(), absolute.end());
    std::vector<Step> steps;
    fs::path here = "/";
    int links = 0;
    while (!ahead.empty()) {
        const fs::path name = ahead.front();
        ahead.pop_front();
        if (name.empty() || name == "." || name == "/") continue;
        if (name == "..") {
            here = here.parent_path();
            continue;
        }
        steps.push_back({here, name});
        const fs::path entry = here / name;
        const auto type = fs::symlink_status(entry, ignored).type();
        if (type == fs::file_type::symlink) {
            if (++links > kMaxLinks) break;
            const fs::path target = fs::read_symlink(entry, ignored);
            if (target.is_absolute()) here = "/";
            ahead.insert(ahead.begin(), target.begin(), target.end());
        } else if (type == fs::file_type::not_found || type == fs::file_type::none) {
            break;
        } else {
            here = entry;
        }
    }
    return steps;
}

PathWatch::PathWatch(asio::any_io_executor executor, fs::path path)
    : path_(std::move(path)), inotify_(executor, make_inotify()) {
    follow_the_path();
}

/// A directory that may not be read cannot be watched: the others are.
void PathWatch::follow_the_path() {
    const int inotify = inotify_.native_handle();
    std::map<int, std::set<std::string>> directories;
    for (const auto& [directory, name] : steps_to(path_)) {
        const int watch = ::inotify_add_watch(inotify, directory.c_str(), kEntries);
        if (watch >= 0) directories[watch].insert(name);
    }
    for (const auto& [watch, names] : directories_)
        if (!directories.contains(watch)) ::inotify_rm_watch(inotify, watch);
    directories_ = std::move(directories);
    const int file = ::inotify_add_watch(inotify, path_.c_str(), kContent);
    if (file_ >= 0 && file != file_) ::inotify_rm_watch(inotify, file_);
    file_ = file;
}

PathWatch::News PathWatch::take() {
    News news;
    bool moved = false;
    alignas(inotify_event) std::array<char, 16384> buffer;
    while (true) {
        const auto got = ::read(inotify_.native_handle(), buffer.data(), buffer.size());
        if (got <= 0) break;
        for (std::ptrdiff_t at = 0; at < got;) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const char* name = event.len ? buffer.data() + at + sizeof event : "";
            at += static_cast<std::ptrdiff_t>(sizeof event + event.len);
            const auto directory = directories_.find(event.wd);
            const bool entry = directory != directories_.end() && directory->second.contains(name);
            const bool content = event.wd == file_ && (event.mask & kContent);
            moved |= entry || event.mask & IN_Q_OVERFLOW;
            news.any |= moved || content;
            if (content && event.mask & IN_MODIFY) news.written = true, news.closed = false;
            if (content && event.mask & IN_CLOSE_WRITE) news.closed = true;
        }
    }
    if (moved) follow_the_path();
    return news;
}

Task<void> PathWatch::wait() {
    co_await inotify_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
}

}  // namespace reseat
