// SPDX-License-Identifier: Apache-2.0
#include "proxy/descriptor_limit.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>

#include <sys/resource.h>

namespace reseat::proxy {

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    const auto before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
        spdlog::warn("the limit of open descriptors stays {}: {}", before, std::strerror(errno));
}

}  // namespace reseat::proxy
