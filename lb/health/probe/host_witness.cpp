// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/host_witness.hpp"

#include "lb/health/probe/probe_socket.hpp"

#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace reseat::lb {
namespace {

constexpr int kProbeSeconds = 1;  ///< the kernel has no shorter ones
constexpr std::uint32_t kFreshMilliseconds = 1500;

tcp_info info_of(int descriptor) {
    tcp_info info{};
    socklen_t size = sizeof info;
    ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info;
}

void probe_often(int descriptor) {
    const int on = 1, seconds = kProbeSeconds;
    ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
}

}  // namespace

HostWitness::HostWitness(const Endpoint& endpoint, SocketPreparer prepare)
    : endpoint_(endpoint), prepare_(std::move(prepare)) {}

HostWitness::~HostWitness() {
    dismiss();
}

void HostWitness::call() {
    if (descriptor_ >= 0 && info_of(descriptor_).tcpi_state != TCP_CLOSE) return;
    dismiss();
    const auto there = to_tcp(endpoint_);
    descriptor_ = ::socket(there.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor_ < 0) return;
    probe_often(descriptor_);
    try {
        if (prepare_) prepare_(descriptor_);
    } catch (const std::exception&) {
        return dismiss();
    }
    if (::connect(descriptor_, there.data(), static_cast<socklen_t>(there.size())) != 0 &&
        errno != EINPROGRESS)
        dismiss();
}

bool HostWitness::host_lives() const {
    if (descriptor_ < 0) return false;
    const tcp_info info = info_of(descriptor_);
    const bool is_open = info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT;
    return is_open && info.tcpi_last_ack_recv < kFreshMilliseconds;
}

void HostWitness::dismiss() {
    if (const int open = std::exchange(descriptor_, -1); open >= 0) ::close(open);
}

}  // namespace reseat::lb
