// SPDX-License-Identifier: Apache-2.0
#include "proxy/instance/left_behind.hpp"

#include <cerrno>
#include <charconv>

#include <signal.h>

namespace reseat::proxy {

std::vector<std::filesystem::path> left_behind(const std::string& directory, const std::string& prefix) {
    std::vector<std::filesystem::path> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
        const std::string name = entry.path().filename();
        if (!name.starts_with(prefix)) continue;
        pid_t pid = 0;
        const char* end = name.data() + name.size();
        const auto [rest, fault] = std::from_chars(name.data() + prefix.size(), end, pid);
        const bool numbered = fault == std::errc{} && rest == end && pid > 0;
        if (numbered && ::kill(pid, 0) != 0 && errno == ESRCH) found.push_back(entry.path());
    }
    return found;
}

}  // namespace reseat::proxy
