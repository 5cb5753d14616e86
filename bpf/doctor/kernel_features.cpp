// SPDX-License-Identifier: Apache-2.0
#include "bpf/doctor/kernel_features.hpp"

#include "base/handles.hpp"
#include "bpf/doctor/throw_away_client.hpp"
#include "bpf/kernel_data_plane.hpp"
#include "bpf/maps/byte_order.hpp"
#include "bpf/procfs/capability.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <sys/socket.h>

namespace reseat::bpf {
namespace {

// 198.18.0.0/15 is set aside for benchmarks (RFC 2544): used by no host, and never sent to, as it is
// translated before the kernel looks for a route.
const Endpoint kService{Address::v4({198, 18, 0, 1}), 9};

constexpr auto kRepoint = "re-point connected UDP";

/// A loopback socket that a throw-away client is balanced to.
struct Server {
    UniqueFd fd;
    Endpoint endpoint;

    explicit Server(Protocol protocol)
        : fd(socket(AF_INET, (protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0)) {
        sockaddr_storage address;
        socklen_t length =
            to_sockaddr(to_kernel({Address::v4({127, 0, 0, 1}), 0}, protocol), AF_INET, address);
        bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length);
        getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
        endpoint = from_kernel(from_sockaddr(address, protocol));
        if (protocol == Protocol::tcp) listen(fd.get(), 8);
    }
};

lb::TerminationReport run(asio::io_context& io, KernelDataPlane& plane, lb::ReseatOrder order) {
    auto report = asio::co_spawn(io, plane.reseat(order), asio::use_future);
    io.restart();
    io.run();
    return report.get();
}

lb::Plan serve(lb::ServiceId service, Protocol protocol, lb::LifeId life, const Endpoint& backend) {
    lb::Plan plan;
    plan.add_services = {{.id = service, .name = "doctor", .protocol = protocol, .addresses = {kService}}};
    plan.begin = {{.life = life, .service = service, .backend = backend}};
    plan.tables = {{.service = service, .family = Family::v4, .slots = {life}}};
    return plan;
}

std::string milliseconds(Duration duration) {
    return fmt::format("{:.1f} ms", std::chrono::duration<double, std::milli>(duration).count());
}

Feature not_tried(const std::string& name) {
    return {.name = name, .detail = "not tried: programs cannot be attached"};
}

std::string remedy_for(Engine engine) {
    switch (engine) {
        case Engine::tuple:
            return "needs CAP_NET_ADMIN and a kernel with CONFIG_INET_DIAG_DESTROY (modules inet_diag, "
                   "tcp_diag, udp_diag; in a container, load them on the host)";
        case Engine::diag:
            return "needs what the tuple engine needs, and CAP_PERFMON and BTF; without it, sockets that do "
                   "not fit into the index are not found";
        case Engine::iterator:
            return "needs Linux 6.5, CAP_PERFMON and BTF; optional: used only where SOCK_DESTROY is "
                   "unavailable";
        case Engine::descriptor:
            return "needs CAP_SYS_PTRACE, the workload's processes visible in reseat's PID namespace, and "
                   "kernel.yama.ptrace_scope below 3; without it, Multipath TCP clients are notified late, "
                   "and sockets in network namespaces that reseat may not enter are not terminated";
    }
    return {};
}

std::string feature_name(Engine engine) {
    return "terminate: " + std::string(to_string(engine));
}

/// Balances `count` TCP sockets and ends them by this engine alone.
Feature try_termination(Engine engine, const std::string& cgroup, int procs, unsigned count) {
    Feature feature{.name = feature_name(engine), .required = engine == Engine::tuple};
    feature.remedy = remedy_for(engine);
    asio::io_context io;
    auto plane = KernelDataPlane::attach(io.get_executor(), cgroup,
                                         {.max_services = 4,
                                          .max_backends = 8,
                                          .index_chunk = 64,
                                          .index_chunks = 1,
                                          .most_index_chunks = 1,
                                          .only_engine = engine});
    if (!plane) {
        feature.detail = plane.error().message;
        return feature;
    }
    const Server server(Protocol::tcp);
    const lb::LifeId life = (*plane)->first_unused_life();
    if (auto served = (*plane)->publish(serve(1, Protocol::tcp, life, server.endpoint)); !served) {
        feature.detail = served.error().message;
        return feature;
    }
    ThrowAwayClient client(procs);
    for (unsigned i = 0; i < count; ++i)
        if (const int error = client.connect(SOCK_STREAM, kService); error != 0) {
            feature.detail = fmt::format("a balanced connect failed: {}", std::strerror(error));
            return feature;
        }
    lb::Plan condemn;
    condemn.tables = {{.service = 1, .family = Family::v4, .slots = {}}};
    condemn.condemn = {life};
    (void)(*plane)->publish(condemn);
    const auto report = run(io, **plane, {.life = life});
    const int told = client.error_of_last();
    const int expected = engine == Engine::descriptor ? ECONNRESET : ECONNABORTED;
    feature.available = report.terminated == count && told == expected;
    feature.detail =
        feature.available
            ? fmt::format("terminated {} test sockets in {}", count, milliseconds(report.duration))
            : fmt::format("{} of {} test sockets terminated; the client saw: {}; {}", report.terminated,
                          count, std::strerror(told), report.first_failure);
    if (feature.available) feature.remedy.clear();
    return feature;
}

Feature try_repoint(const std::string& cgroup, int procs) {
    Feature feature{.name = kRepoint};
    feature.remedy =
        "needs CAP_SYS_PTRACE, the workload's processes visible in reseat's PID namespace, and "
        "kernel.yama.ptrace_scope below 3; without it, connected UDP sockets are terminated";
    asio::io_context io;
    auto plane = KernelDataPlane::attach(io.get_executor(), cgroup, {.max_services = 4, .max_backends = 8});
    if (!plane) {
        feature.detail = plane.error().message;
        return feature;
    }
    const Server before(Protocol::udp), after(Protocol::udp);
    const lb::LifeId life = (*plane)->first_unused_life();
    ThrowAwayClient client(procs);
    (void)(*plane)->publish(serve(1, Protocol::udp, life, before.endpoint));
    if (const int error = client.connect(SOCK_DGRAM, kService); error != 0) {
        feature.detail = fmt::format("a balanced connect failed: {}", std::strerror(error));
        return feature;
    }
    lb::Plan move;
    move.begin = {{.life = life + 1, .service = 1, .backend = after.endpoint}};
    move.tables = {{.service = 1, .family = Family::v4, .slots = {life + 1}}};
    move.condemn = {life};
    (void)(*plane)->publish(move);
    const auto report = run(io, **plane, {.life = life});
    feature.available = report.repointed == 1;
    feature.detail = feature.available ? "re-pointed a test socket in " + milliseconds(report.duration)
                                       : "not re-pointed: " + report.first_failure;
    if (feature.available) feature.remedy.clear();
    return feature;
}

/// What the programs cannot be loaded without and older kernels lack, each tried; empty: nothing, or we may
/// load no program at all.
std::string missing_basics() {
    if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, nullptr) != 1) return "";
    std::vector<std::string> missing;
    if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SYSCALL, nullptr) == 0)
        missing.emplace_back("BPF programs of type syscall (Linux 5.14)");
    if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_SOCK_OPS, BPF_FUNC_get_netns_cookie, nullptr) == 0)
        missing.emplace_back("bpf_get_netns_cookie in sockops (Linux 5.15)");
    return fmt::format("{}", fmt::join(missing, ", "));
}

Feature try_attaching(const std::string& cgroup) {
    Feature feature{.name = "attach cgroup programs", .required = true};
    asio::io_context io;
    auto plane = KernelDataPlane::attach(io.get_executor(), cgroup, {.max_services = 4, .max_backends = 8});
    feature.available = plane.has_value();
    feature.detail = plane ? "attached to " + cgroup : plane.error().message;
    if (plane) return feature;
    const std::string missing = missing_basics();
    feature.remedy = !missing.empty() ? "needs Linux 6.1 or newer; this kernel lacks " + missing
                     : !is_trusted_by_verifier()
                         ? "needs CAP_BPF, CAP_NET_ADMIN and, before Linux 6.18, CAP_PERFMON"
                         : "needs CAP_BPF and CAP_NET_ADMIN, and a seccomp profile that allows bpf()";
    return feature;
}

Feature try_errno() {
    Feature feature{.name = "refuse with ECONNREFUSED"};
    feature.available =
        libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval, nullptr) == 1;
    feature.detail = feature.available ? "the kernel has bpf_set_retval" : "the kernel lacks bpf_set_retval";
    if (!feature.available)
        feature.remedy = "needs Linux 5.18; on older kernels, a refused connect fails with EPERM";
    return feature;
}

}  // namespace

std::vector<Feature> probe_kernel_features(const std::string& scratch_cgroup, int procs) {
    std::vector<Feature> features = {try_attaching(scratch_cgroup)};
    constexpr std::array engines{Engine::tuple, Engine::diag, Engine::iterator, Engine::descriptor};
    const bool attached = features.front().available;
    if (attached) features.push_back(try_errno());
    for (const Engine engine : engines)
        features.push_back(attached ? try_termination(engine, scratch_cgroup, procs, 3)
                                    : not_tried(feature_name(engine)));
    features.push_back(attached ? try_repoint(scratch_cgroup, procs) : not_tried(kRepoint));
    return features;
}

}  // namespace reseat::bpf
