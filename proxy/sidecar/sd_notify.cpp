// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/sd_notify.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

/// An environment variable, once: it is removed.
std::string take_variable(const char* name) {
    const char* value = std::getenv(name);
    std::string taken = value ? value : "";
    ::unsetenv(name);
    return taken;
}

std::optional<std::uint64_t> number(const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// "@name" is an abstract socket (unix(7)).
UniqueFd connected_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return UniqueFd();
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
        return UniqueFd();
    return socket;
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
    ServiceManager manager;
    const auto path = take_variable("NOTIFY_SOCKET");
    const auto silence = number(take_variable("WATCHDOG_USEC"));
    const auto meant = take_variable("WATCHDOG_PID");
    if (path.empty()) return manager;
    manager.socket_ = connected_to(path);
    if (!manager.socket_) spdlog::warn("cannot connect to NOTIFY_SOCKET={}: {}", path, std::strerror(errno));
    const bool for_us = meant.empty() || meant == std::to_string(::getpid());
    if (silence && *silence > 0 && for_us) manager.watchdog_ = std::chrono::microseconds(*silence);
    return manager;
}

void ServiceManager::tell(std::string_view message) const {
    if (!socket_) return;
    if (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0)
        spdlog::debug("the service manager was not notified: {}", std::strerror(errno));
}

void ServiceManager::tell_reloading() const {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();  // CLOCK_MONOTONIC
    tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                     std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
}

}  // namespace reseat::proxy
