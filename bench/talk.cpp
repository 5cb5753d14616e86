// SPDX-License-Identifier: Apache-2.0
#include "bench/talk.hpp"

#include <array>
#include <cerrno>

#include <sys/time.h>

namespace reseat::bench {
namespace {

constexpr timeval kPatience{2, 0};

struct Answer {
    std::int64_t ns = 0;
    int error = 0;
};

int type_of(Protocol protocol) {
    return protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM;
}

Answer run_block(const Talker::Order& order) {
    const test::SocketAddress to(order.to, order.to.address.family() == Family::v4 ? AF_INET : AF_INET6);
    const int type = type_of(order.protocol);
    std::int64_t start = 0;
    for (unsigned i = 0; i < Talker::kWarmUp + order.times; ++i) {
        if (i == Talker::kWarmUp) start = now_ns();
        if (talk_once(to, type) == 0) return {0, errno == 0 ? ECONNRESET : errno};
    }
    return {now_ns() - start, 0};
}

int obey(int end) {
    while (true) tell(end, run_block(await_order<Talker::Order>(end)));
    return 0;
}

}  // namespace

char talk_once(const test::SocketAddress& to, int type, std::int64_t* connected_at) {
    const UniqueFd fd(::socket(to.storage.ss_family, type | SOCK_CLOEXEC, 0));
    if (!fd) return 0;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    if (::connect(fd.get(), to.get(), to.length) != 0) return 0;
    if (connected_at) *connected_at = now_ns();
    if (::send(fd.get(), "hello", 5, MSG_NOSIGNAL) != 5) return 0;
    std::array<char, 64> answer;
    errno = 0;
    return ::recv(fd.get(), answer.data(), answer.size(), 0) > 0 ? answer[0] : '\0';
}

Talker::Talker(const Stage& stage, bool in_workload)
    : process_(in_workload ? stage.in_workload([this] { return obey(channel_.theirs()); })
                           : stage.beside([this] { return obey(channel_.theirs()); })) {}

std::int64_t Talker::run(const Order& order) const {
    tell(channel_.ours(), order);
    const auto answer = hear<Answer>(channel_.ours());
    if (answer.error != 0)
        throw std::runtime_error("talk to " + to_string(order.to) + ": " +
                                 std::generic_category().message(answer.error));
    return answer.ns;
}

}  // namespace reseat::bench
