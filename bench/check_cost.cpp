// SPDX-License-Identifier: Apache-2.0
#include "bench/measurements.hpp"
#include "bench/sidecar_process.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

namespace reseat::bench {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kBackends = 1'000;
constexpr auto kInterval = 5s;
constexpr std::uint16_t kFirstPort = 10'000;
constexpr double kAimPercent = 1;  ///< of a core
constexpr double kAimMegabytes = 30;

/// Listens at 1,000 ports of a host.
std::vector<UniqueFd> listen_on(Stage& stage, const std::vector<Endpoint>& backends) {
    const auto there = stage.lab().host("a").net().enter();
    std::vector<UniqueFd> listeners;
    for (const auto& backend : backends) {
        const test::SocketAddress address(backend, AF_INET);
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::bind(fd.get(), address.get(), address.length) != 0 || ::listen(fd.get(), 16) != 0)
            throw std::runtime_error("cannot listen for health checks");
        listeners.push_back(std::move(fd));
    }
    return listeners;
}

/// Accepts all connections, and closes those that their peers have closed, as a server does.
class Acceptor {
public:
    explicit Acceptor(const std::vector<UniqueFd>& listeners) : events_(::epoll_create1(EPOLL_CLOEXEC)) {
        for (const auto& listener : listeners) watch(listener.get(), true);
        thread_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) serve();
        });
    }

private:
    void watch(int fd, bool listens) {
        epoll_event event{EPOLLIN, {.u64 = static_cast<std::uint64_t>(fd) << 1 | listens}};
        ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event);
    }

    void serve() {
        std::array<epoll_event, 64> events;
        const int count = ::epoll_wait(events_.get(), events.data(), events.size(), 100);
        for (int i = 0; i < count; ++i) {
            const auto fd = static_cast<int>(events[i].data.u64 >> 1);
            if (events[i].data.u64 & 1)
                watch(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC), false);
            else
                ::close(fd);
        }
    }

    UniqueFd events_;
    std::jthread thread_;
};

/// The least that a check can be: connect, wait for the answer, close.
int probe_plainly(const std::vector<Endpoint>& backends) {
    const auto pause = std::chrono::nanoseconds(kInterval) / backends.size();
    auto due = std::chrono::steady_clock::now();
    for (std::size_t i = 0;; i = (i + 1) % backends.size()) {
        const test::SocketAddress address(backends[i], AF_INET);
        const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const linger abort{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
        (void)::connect(fd.get(), address.get(), address.length);
        pollfd answered{fd.get(), POLLOUT, 0};
        ::poll(&answered, 1, 1000);
        due += pause;
        const auto left = due - std::chrono::steady_clock::now();
        if (left > 0ns) pause_for(left);
    }
}

/// Removed with this object.
class HaproxyConfig {
public:
    explicit HaproxyConfig(const std::vector<Endpoint>& backends) {
        const int fd = ::mkstemp(path_.data());
        if (fd < 0) throw std::runtime_error("cannot write HAProxy's configuration");
        ::close(fd);
        std::ofstream file(path_);
        file << "global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1m\n"
                "  timeout server 1m\nlisten web\n  bind 127.0.0.1:9999\n";
        for (const auto& backend : backends)
            file << fmt::format("  server s{} {} check inter {}s\n", backend.port, to_string(backend),
                                kInterval / 1s);
    }
    HaproxyConfig(const HaproxyConfig&) = delete;
    HaproxyConfig& operator=(const HaproxyConfig&) = delete;
    ~HaproxyConfig() { ::unlink(path_.c_str()); }

    [[noreturn]] void exec() const {
        const int nowhere = ::open("/dev/null", O_WRONLY);
        ::dup2(nowhere, STDERR_FILENO);
        ::execlp("haproxy", "haproxy", "-db", "-f", path_.c_str(), nullptr);
        throw std::runtime_error("cannot run haproxy");
    }

private:
    std::string path_ = "/tmp/reseat-bench-haproxy-XXXXXX";
};

/// Nanoseconds on a processor, the kernel's part of it included.
double processor_ns(pid_t pid) {
    double ns = 0;
    std::ifstream("/proc/" + std::to_string(pid) + "/schedstat") >> ns;
    return ns;
}

double resident_megabytes(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string word; status >> word;)
        if (double kilobytes = 0; word == "VmRSS:" && status >> kilobytes) return kilobytes / 1024;
    throw std::runtime_error("a process that checks backends has ended");
}

struct Cost {
    Figure percent;
    Figure megabytes;
};

/// One sample per interval, once the first round is over.
Cost cost_of(const std::string& who, const Process& process, unsigned rounds) {
    Cost cost{{who + ", of a core", "%", {}}, {who + ", resident", "MB", {}}};
    pause_for(kInterval + 2s);
    for (unsigned round = 0; round < rounds; ++round) {
        const auto start = now_ns();
        const double before = processor_ns(process.pid());
        pause_for(kInterval);
        const double used = processor_ns(process.pid()) - before;
        cost.percent.samples.push_back(100 * used / static_cast<double>(now_ns() - start));
        cost.megabytes.samples.push_back(resident_megabytes(process.pid()));
    }
    return cost;
}

Figure ratio(const std::string& name, const Figure& ours, const Figure& theirs) {
    return {name, "ratio", {value_of(ours, Statistic::p50) / value_of(theirs, Statistic::p50)}};
}

lb::Service checked(const std::vector<Endpoint>& backends, lb::Watch watch) {
    auto made = service("web", endpoint("10.96.0.1:80"), backends);
    for (auto& backend : made.backends) backend.priority = 0;
    made.health_check = {};
    made.health_check.interval = made.health_check.unhealthy_interval = kInterval;
    made.health_check.watch = watch;
    return made;
}

}  // namespace

std::vector<Figure> check_cost(bool quick) {
    const unsigned rounds = quick ? 1 : 6;
    Stage stage({"a"});
    std::vector<Endpoint> backends;
    for (unsigned i = 0; i < kBackends; ++i)
        backends.push_back({stage.lab().host("a").address(), static_cast<std::uint16_t>(kFirstPort + i)});
    const auto listeners = listen_on(stage, backends);
    const Acceptor acceptor(listeners);
    const auto by_reseat = [&](const std::string& who, lb::Watch watch) {
        return cost_of(who, start_sidecar(stage, {checked(backends, watch)}), rounds);
    };
    Cost watching = by_reseat("reseat", lb::Watch::auto_);
    watching.percent.aim = Aim{Statistic::p50, false, kAimPercent};
    watching.megabytes.aim = Aim{Statistic::p50, false, kAimMegabytes};
    const Cost probing = by_reseat("reseat, watch: off", lb::Watch::off);
    const HaproxyConfig config(backends);
    const Cost haproxy = cost_of("HAProxy", stage.beside([&]() -> int { config.exec(); }), rounds);
    const Cost plain =
        cost_of("connect, wait, close", stage.beside([&] { return probe_plainly(backends); }), rounds);
    return {watching.percent,
            probing.percent,
            haproxy.percent,
            plain.percent,
            ratio("reseat / HAProxy", watching.percent, haproxy.percent),
            ratio("reseat / connect, wait, close", watching.percent, plain.percent),
            watching.megabytes,
            probing.megabytes,
            haproxy.megabytes};
}

}  // namespace reseat::bench
