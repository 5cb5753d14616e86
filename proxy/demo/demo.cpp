// SPDX-License-Identifier: Apache-2.0
#include "proxy/demo/demo.hpp"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kKinds = std::size(kClientKinds);
constexpr std::uint16_t kPort = 7000;  ///< of the first kind; each kind has a server of its own
constexpr auto kStartDeadline = 3s;
constexpr auto kWarmUp = 200ms;  ///< the clients work undisturbed
constexpr auto kLookOn = 4s;     ///< after the machine vanished
constexpr auto kPoll = 1ms;

std::uint32_t number_of(ClientKind kind, bool balanced) {
    return 2 * static_cast<std::uint32_t>(kind) + (balanced ? 1 : 0);
}

Endpoint server_of(ClientKind kind, const lab::Host& host) {
    return {host.address(), static_cast<std::uint16_t>(kPort + static_cast<unsigned>(kind))};
}

Endpoint service_of(ClientKind kind) {
    return {Address::v4({10, 96, 0, 1}), static_cast<std::uint16_t>(kPort + static_cast<unsigned>(kind))};
}

std::array<UniqueFd, 2> make_pipe(int flags) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | flags) != 0)
        throw std::system_error(errno, std::generic_category(), "pipe");
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::optional<Milliseconds> since(TimePoint start, const std::optional<TimePoint>& at) {
    if (!at) return std::nullopt;
    return Milliseconds(*at - start);
}

}  // namespace

Demo::Demo(const WorkloadCgroup& cgroup) : lab_({"a", "b"}), inside_(lab_.client().enter()) {
    start_clients(cgroup);  // before there are threads
    start_servers();
}

void Demo::start_clients(const WorkloadCgroup& cgroup) {
    auto [start, go] = make_pipe(0);
    auto [heard, tell] = make_pipe(O_NONBLOCK);
    for (const ClientKind kind : kClientKinds)
        for (const bool balanced : {false, true}) {
            const ClientRole role{.number = number_of(kind, balanced),
                                  .kind = kind,
                                  .dial = balanced ? service_of(kind) : server_of(kind, lab_.hosts().front()),
                                  .go = start.get(),
                                  .events = tell.get()};
            clients_.emplace_back(role, balanced ? cgroup.procs() : -1);
        }
    go_ = std::move(go);
    heard_ = std::move(heard);
}

void Demo::start_servers() {
    for (const lab::Host& host : lab_.hosts())
        for (const ClientKind kind : kClientKinds)
            servers_.emplace_back(host.name(), host.net(), server_of(kind, host).port);
}

lb::Model Demo::model() {
    lb::Model model;
    for (const ClientKind kind : kClientKinds) {
        lb::Service service;
        service.name = to_string(kind);
        service.protocol = is_tcp(kind) ? Protocol::tcp : Protocol::udp;
        service.addresses = {service_of(kind)};
        service.health_check.type = lb::CheckType::tcp;  // also for UDP: a server listens to both
        service.health_check.interval = 200ms;
        service.health_check.fast_interval = 50ms;
        service.health_check.timeout = 200ms;
        service.health_check.unhealthy_threshold = 2;
        unsigned priority = 0;
        for (const lab::Host& host : lab_.hosts())
            service.backends.push_back(
                {.name = host.name(), .endpoint = server_of(kind, host), .priority = priority++});
        model.services.push_back(std::move(service));
    }
    return model;
}

Task<void> Demo::run(Sidecar& sidecar) {
    co_await sidecar.first_round(kStartDeadline);
    const std::array<char, 2 * kKinds> bytes{};
    if (::write(go_.get(), bytes.data(), bytes.size()) != std::ssize(bytes))
        throw std::runtime_error("cannot start the clients");
    co_await until_all_work();
    co_await sleep_for(kWarmUp);
    const auto vanished = std::chrono::steady_clock::now();
    const auto vanished_at = std::chrono::system_clock::now();
    lab_.hosts().front().vanish();
    co_await look_on(vanished);
    sum_up(sidecar.controller().status(), vanished, vanished_at);
    sidecar.stop();
}

Task<void> Demo::until_all_work() {
    const auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
    const auto working = [this] {
        std::size_t count = 0;
        for (const auto& [number, seen] : seen_) count += seen.working;
        return count;
    };
    while (working() < 2 * kKinds) {
        if (std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error("only " + std::to_string(working()) + " of 8 clients were answered");
        co_await sleep_for(kPoll);
        hear();
    }
}

Task<void> Demo::look_on(TimePoint vanished) {
    const auto& survivor = servers_.at(kKinds + static_cast<std::size_t>(ClientKind::connected_udp));
    while (true) {
        hear();
        const auto now = std::chrono::steady_clock::now();
        if (!first_datagram_ && survivor.datagrams() > 0) first_datagram_ = now;
        report_.observed = now - vanished;
        if (now - vanished > kLookOn) co_return;
        co_await sleep_for(kPoll);
    }
}

void Demo::hear() {
    ClientEvent event{};
    while (::read(heard_.get(), &event, sizeof event) == sizeof event) {
        Seen& seen = seen_[event.client];
        const TimePoint at{std::chrono::nanoseconds(event.at_ns)};
        if (event.what == ClientEvent::working) seen.working = true;
        if (event.what == ClientEvent::back && !seen.back) seen.back = at;
        if (event.what == ClientEvent::told && !seen.told) {
            seen.told = at;
            seen.error = event.error;
        }
    }
}

void Demo::sum_up(const std::vector<lb::ServiceStatus>& services, TimePoint vanished,
                  std::chrono::system_clock::time_point vanished_at) {
    for (const ClientKind kind : kClientKinds) {
        const Seen& control = seen_[number_of(kind, false)];
        const Seen& balanced = seen_[number_of(kind, true)];
        const auto& backend = services.at(static_cast<std::size_t>(kind)).backends.front();
        ClientOutcome outcome{.kind = kind,
                              .control = since(vanished, control.told ? control.told : control.back),
                              .told = since(vanished, balanced.told),
                              .error = balanced.error,
                              .back = since(vanished, balanced.back)};
        if (kind == ClientKind::connected_udp) outcome.back = since(vanished, first_datagram_);
        if (backend.state == lb::BackendState::down) {
            outcome.noticed = Milliseconds(backend.since - vanished_at);
            report_.reason = backend.reason;
        }
        report_.clients.push_back(outcome);
    }
}

}  // namespace reseat::proxy
