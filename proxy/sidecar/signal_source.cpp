// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/signal_source.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <chrono>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

constexpr auto kAnotherLook = std::chrono::milliseconds(100);

}  // namespace

SignalSource::SignalSource(std::initializer_list<int> numbers) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : numbers) ::sigaddset(&set, number);
    descriptor_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}

SignalSource::~SignalSource() {
    while (take()) continue;  // unblocked, they would end us
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    ::close(descriptor_);
}

std::optional<SignalSource::Received> SignalSource::take() {
    signalfd_siginfo info{};
    if (::read(descriptor_, &info, sizeof info) != sizeof info) return std::nullopt;
    return Received{static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
}

Task<SignalSource::Received> SignalSource::next(asio::any_io_executor executor) {
    while (true) {
        if (const auto received = take()) co_return *received;
        const int own = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
        if (own < 0) {  // none is free
            co_await sleep_for(kAnotherLook);
            continue;
        }
        asio::posix::stream_descriptor waiter(executor, own);
        co_await waiter.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    }
}

}  // namespace reseat::proxy
