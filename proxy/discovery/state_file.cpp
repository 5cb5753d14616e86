// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/state_file.hpp"

#include "base/text.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

Result<std::string> read_own(const std::string& path) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (file.fd < 0) return system_error(path, errno);
    struct stat status = {};
    if (::fstat(file.fd, &status) != 0) return system_error(path, errno);
    if (!S_ISREG(status.st_mode)) return Error{ErrorCode::failed, path + ": it is no regular file"};
    if (status.st_uid != ::geteuid()) return Error{ErrorCode::failed, path + ": it belongs to another user"};
    if (status.st_mode & (S_IWGRP | S_IWOTH))
        return Error{ErrorCode::failed, path + ": others may write to it"};
    if (static_cast<std::size_t>(status.st_size) > lb::kMaxRemembered)
        return Error{ErrorCode::failed, path + ": it is larger than 8 MiB"};
    std::string text;
    std::array<char, 64 * 1024> piece;
    while (text.size() <= lb::kMaxRemembered) {
        const auto size = ::read(file.fd, piece.data(), piece.size());
        if (size < 0) return system_error(path, errno);
        if (size == 0) break;
        text.append(piece.data(), static_cast<std::size_t>(size));
    }
    return text;
}

}  // namespace

std::vector<lb::Remembered> read_state_file(const std::string& path) {
    if (path.empty() || ::access(path.c_str(), F_OK) != 0) return {};
    const auto text = read_own(path);
    if (!text) {
        spdlog::warn("what a previous process knew of sources is not used: {}", text.error().message);
        return {};
    }
    auto known = lb::read_remembered(*text);
    if (!known) {
        spdlog::warn("what a previous process knew of sources is not used: {}: {}", path,
                     known.error().message);
        return {};
    }
    return std::move(*known);
}

Result<void> write_state_file(const std::string& path, std::string_view text) {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());
    {
        const Descriptor file{
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
        if (file.fd < 0) return system_error(fresh, errno);
        while (!text.empty()) {
            const auto size = ::write(file.fd, text.data(), text.size());
            if (size < 0) return system_error(fresh, errno);
            text.remove_prefix(static_cast<std::size_t>(size));
        }
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error(path, errno);
    return {};
}

}  // namespace reseat::proxy
