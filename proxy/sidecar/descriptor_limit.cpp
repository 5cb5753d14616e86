// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/descriptor_limit.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>

#include <sys/resource.h>

namespace reseat::proxy {
namespace {

constexpr std::size_t kRest = 256;

}  // namespace

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    const auto before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
        spdlog::warn("the limit of open descriptors stays {}: {}", before, std::strerror(errno));
}

std::size_t descriptor_limit() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

std::size_t checkable_backends(std::size_t descriptors) {
    if (descriptors <= kRest) return 0;
    const std::size_t left = descriptors - kRest;
    return left > 2 * kProbesAtOnce ? left - kProbesAtOnce : left / 2;
}

}  // namespace reseat::proxy
