// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/figure.hpp"
#include "lab/lab.hpp"
#include "lb/model.hpp"
#include "proxy/workload/workload_cgroup.hpp"
#include "tests/support/process.hpp"
#include "tests/support/socket_address.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace reseat::bench {

using test::Process;

/// A laboratory and two cgroups: reseat attaches to one, the other is the control. The thread that makes it
/// is inside the client's network namespace until it destroys it. No socket there lingers in TIME_WAIT, so
/// that many short connections do not use up the ports.
class Stage {
public:
    /// Throws std::exception; needs root.
    explicit Stage(const std::vector<std::string>& hosts);

    lab::Lab& lab() { return lab_; }
    const std::string& cgroup() const { return workload_.path(); }

    Process in_workload(const std::function<int()>& body) const;
    Process beside(const std::function<int()>& body) const;
    /// An EchoServer of the machine's name in a process of its own; it serves on return.
    Process echo_server(const std::string& host, std::uint16_t port);
    /// The same in the client's namespace.
    Process local_echo_server(std::uint16_t port) const;

private:
    Process echo_server(const std::string& name, const lab::NetNamespace& net, std::uint16_t port) const;

    lab::Lab lab_;
    proxy::WorkloadCgroup workload_;
    proxy::WorkloadCgroup outside_;
    lab::NetNamespace::Guard inside_;
};

/// A T in memory that this process shares with those it forks; all its members are atomics.
template <class T>
class Shared {
public:
    Shared() {
        void* memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        value_ = new (memory) T();
    }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() { ::munmap(value_, sizeof(T)); }

    T* operator->() const { return value_; }
    T& operator*() const { return *value_; }

private:
    T* value_;
};

/// Two ends for orders and answers of fixed size between a process and one that it forks.
class Channel {
public:
    Channel();
    int ours() const { return ours_.get(); }
    int theirs() const { return theirs_.get(); }

private:
    UniqueFd ours_, theirs_;
};

void tell(int end, const void* message, std::size_t size);
/// Throws std::runtime_error when the other process has ended, or nothing comes within `patience_ms`.
void hear(int end, void* message, std::size_t size, int patience_ms);

template <class T>
void tell(int end, const T& message) {
    tell(end, &message, sizeof message);
}
/// An answer; a minute's patience.
template <class T>
T hear(int end) {
    T message;
    hear(end, &message, sizeof message, 60'000);
    return message;
}
/// An order; waits for ever.
template <class T>
T await_order(int end) {
    T message;
    hear(end, &message, sizeof message, -1);
    return message;
}

/// CLOCK_MONOTONIC: the same for all processes.
inline std::int64_t now_ns() {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}
inline double milliseconds_between(std::int64_t from, std::int64_t to) {
    return static_cast<double>(to - from) / 1e6;
}
void pause_for(Duration duration);
/// The same in steps of 1 ms, noting by how many milliseconds each ended late: how noisy the machine is.
void sleep_for(Duration duration, Figure& late);

Endpoint endpoint(const std::string& text);
void write_file(const std::string& path, const std::string& text);

/// A TCP service of these backends, the first preferred to the second and so on, without health checks.
lb::Service service(const std::string& name, const Endpoint& address, const std::vector<Endpoint>& backends,
                    Protocol protocol = Protocol::tcp);

}  // namespace reseat::bench
