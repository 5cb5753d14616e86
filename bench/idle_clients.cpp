// SPDX-License-Identifier: Apache-2.0
#include "bench/idle_clients.hpp"

#include "bench/talk.hpp"

#include <array>
#include <vector>

#include <poll.h>
#include <sys/epoll.h>

namespace reseat::bench {

IdleClients::IdleClients(const Stage& stage, const Endpoint& service, unsigned count)
    : count_(count), process_(stage.in_workload([this, &service] { return live(service); })) {}

void IdleClients::connect(char home) {
    seen_->told = 0;
    tell(channel_.ours(), home);
    hear<char>(channel_.ours());
}

void IdleClients::wait_until_all_told() const {
    for (int i = 0; !all_told(); ++i) {
        if (i == 10'000) throw std::runtime_error("not all clients were told");
        pause_for(std::chrono::milliseconds(1));
    }
}

int IdleClients::live(const Endpoint& service) {
    const test::SocketAddress address(service, AF_INET);
    while (true) play_round(address, await_order<char>(channel_.theirs()));
    return 0;
}

/// Ends when all were told, or when the next round is asked for.
void IdleClients::play_round(const test::SocketAddress& address, char home) {
    while (talk_once(address, SOCK_STREAM) != home) pause_for(std::chrono::milliseconds(1));
    const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    std::vector<UniqueFd> sockets;
    for (unsigned i = 0; i < count_; ++i) {
        UniqueFd& fd = sockets.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(fd.get(), address.get(), address.length) != 0) throw std::runtime_error("connect");
        epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = fd.get()}};
        ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event);
    }
    tell(channel_.theirs(), 'r');
    std::array<epoll_event, 64> events;
    for (unsigned told = 0; told < count_;) {
        const int ready = ::epoll_wait(epoll.get(), events.data(), events.size(), 100);
        const auto now = now_ns();
        for (int i = 0; i < ready; ++i) ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, events[i].data.fd, nullptr);
        if (ready > 0) {
            told += static_cast<unsigned>(ready);
            seen_->last = now;
            seen_->told = told;
        }
        pollfd order{channel_.theirs(), POLLIN, 0};
        if (ready == 0 && ::poll(&order, 1, 0) == 1) return;
    }
}

}  // namespace reseat::bench
