// SPDX-License-Identifier: Apache-2.0
#include "base/read_file.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace reseat {
namespace {

Result<std::string> read_all(int descriptor, const std::string& path) {
    std::string text;
    std::array<char, 16384> chunk;
    while (true) {
        const ssize_t length = ::read(descriptor, chunk.data(), chunk.size());
        if (length == 0) return text;
        if (length > 0)
            text.append(chunk.data(), static_cast<std::size_t>(length));
        else if (errno != EINTR)
            return system_error(path, errno);
    }
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return system_error(path, errno);
    auto text = read_all(descriptor, path);
    ::close(descriptor);
    return text;
}

}  // namespace reseat
