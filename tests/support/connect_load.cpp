// SPDX-License-Identifier: Apache-2.0
#include "tests/support/connect_load.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

namespace reseat::test {

struct ConnectLoad::Shared {
    std::atomic<bool> wanted{false}, running{false}, over{false};
    std::atomic<unsigned> connects{0}, failures{0};
    std::array<char, 200> first{};
};

namespace {

constexpr unsigned kBurst = 8;  ///< so many without a pause

/// Empty: all was well.
std::string connect_once(const Where& vip, int type) {
    Client client(UniqueFd(::socket(AF_INET, type | SOCK_CLOEXEC, 0)));
    const linger at_once{1, 0};  // no TIME_WAIT: the source ports would run out
    ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (const int error = client.connect(vip)) return std::string("connect: ") + std::strerror(error);
    const auto peer = client.peer();
    if (peer == vip) return "";
    return "getpeername: " + (peer ? to_string(*peer) : "not connected");
}

void* shared_memory(std::size_t size) {
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    return memory;
}

}  // namespace

int ConnectLoad::run(Shared& shared, const Where& vip) {
    for (unsigned i = 0; !shared.over; ++i) {
        if (i % kBurst == 0) ::poll(nullptr, 0, 1);
        shared.running = shared.wanted.load();
        if (!shared.running) continue;
        const int type = i % 2 ? SOCK_STREAM : SOCK_DGRAM;
        const std::string failure = connect_once(vip, type);
        ++shared.connects;
        if (failure.empty()) continue;
        const std::string text = (type == SOCK_STREAM ? "tcp " : "udp ") + failure;
        if (shared.failures++ == 0) text.copy(shared.first.data(), shared.first.size() - 1);
    }
    return 0;
}

ConnectLoad::ConnectLoad(const Sandbox& box, const Where& vip)
    : shared_(std::construct_at(static_cast<Shared*>(shared_memory(sizeof(Shared))))),
      process_(box.spawn([shared = shared_, vip] { return run(*shared, vip); })) {}

ConnectLoad::~ConnectLoad() {
    process_.kill();
    ::munmap(shared_, sizeof(Shared));
}

void ConnectLoad::begin() {
    shared_->wanted = true;
}

void ConnectLoad::end() {
    shared_->wanted = false;
    wait_until([&] { return !shared_->running; }, std::chrono::seconds(10));
}

unsigned ConnectLoad::connects() const {
    return shared_->connects;
}
unsigned ConnectLoad::failures() const {
    return shared_->failures;
}
std::string ConnectLoad::first_failure() const {
    return shared_->first.data();
}

}  // namespace reseat::test
