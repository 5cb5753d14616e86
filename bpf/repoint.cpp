// SPDX-License-Identifier: Apache-2.0
#include "bpf/repoint.hpp"

#include "bpf/byte_order.hpp"
#include "bpf/process_sockets.hpp"
#include "bpf/workload_processes.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::bpf {
namespace {

#ifndef SO_BINDTOIFINDEX
constexpr int SO_BINDTOIFINDEX = 62;
#endif

constexpr auto kOvertaken = "re-connected by the application";
constexpr auto kAbsent = "no process of the workload has the socket";

std::string because(const std::string& what, int number) {
    return what + ": " + std::strerror(number);
}

int family_of(int fd) {
    int domain = 0;
    socklen_t length = sizeof(domain);
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
    return domain;
}

lb_endpoint local_of(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    return from_sockaddr(address, lb::Protocol::udp);
}

/// Where several threads connected the socket at once, our program at getpeername() finds the record that
/// is true among those that it keeps.
void make_record_follow_peer(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length);
}

int connect_to_endpoint(int fd, const lb_endpoint& to) {
    sockaddr_storage address;
    const socklen_t length = to_sockaddr(to, family_of(fd), address);
    return connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : errno;
}

}  // namespace

Repointer::Repointer(const Programs& programs, NetNamespaces& namespaces, std::string cgroup,
                     std::function<void(int)> mark)
    : programs_(programs),
      namespaces_(namespaces),
      cgroup_(std::move(cgroup)),
      mark_(std::move(mark)),
      index_(programs) {
    lb_repoint own{};
    const std::uint64_t nobody = 0;
    bpf_map_lookup_elem(programs_.repoint_fd(), &nobody, &own);
    own_tgid_ = own.tgid;
}

Repointer::Process* Repointer::process(std::uint32_t pid, std::string& why) {
    if (auto known = processes_.find(pid); known != processes_.end()) return &known->second;
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
        why = because("pidfd_open of process " + std::to_string(pid), errno);
        return nullptr;
    }
    return &processes_.emplace(pid, Process{std::move(pidfd), DescriptorTable(pid)}).first->second;
}

UniqueFd Repointer::duplicate_from(std::uint32_t pid, const Flow& flow, std::string& why) {
    Process* owner = process(pid, why);
    if (!owner) return UniqueFd();
    const int hint = pid == flow.value.pid ? static_cast<int>(flow.value.fd) - 1 : -1;
    const auto number = owner->descriptors.find(flow.value.inode, hint);
    if (!number) {
        if (const int error = owner->descriptors.error())
            why = because("read the descriptors of process " + std::to_string(pid), error);
        return UniqueFd();
    }
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, owner->pidfd.get(), *number, 0)));
    if (!fd) {
        why = because("pidfd_getfd from process " + std::to_string(pid), errno);
        return UniqueFd();
    }
    // Closed and its number used again meanwhile: then it is somebody else's.
    return cookie_of(fd.get()) == flow.key.cookie ? std::move(fd) : UniqueFd();
}

UniqueFd Repointer::duplicate(const Flow& flow, std::string& why) {
    if (flow.value.pid)
        if (UniqueFd fd = duplicate_from(flow.value.pid, flow, why)) return fd;
    if (!workload_read_) {
        workload_pids_ = processes_below(cgroup_);
        workload_read_ = true;
    }
    for (const std::uint32_t pid : workload_pids_)
        if (UniqueFd fd = duplicate_from(pid, flow, why)) return fd;
    if (why.empty()) why = kAbsent;
    return UniqueFd();
}

/// As a connect of the process that connected the socket would; where that asks for live counts or chance, in
/// turns, which spreads a backend's sockets by weight.
bool Repointer::choose_target(const lb_owner& owner, const lb_record& record, Target& target) const {
    const std::uint32_t family = is_v4(record.dialled) ? LB_FAMILY_V4 : LB_FAMILY_V6;
    const auto service = programs_.find_service(record.dialled);
    if (!service || service->id != record.service) return false;
    const std::uint64_t& table = programs_.tables[LB_TABLE_INDEX(service->table, family)];
    while (true) {
        const std::uint64_t word = __atomic_load_n(&table, __ATOMIC_ACQUIRE);
        if (LB_TABLE_LENGTH(word) == 0) return false;
        const std::uint32_t number = service->policy == LB_POLICY_MAGLEV ? owner.key : turn_++;
        const std::uint32_t position = LB_TABLE_OFFSET(word) + number % LB_TABLE_LENGTH(word);
        const std::uint64_t slot = __atomic_load_n(&programs_.slots[position], __ATOMIC_ACQUIRE);
        // A table that was replaced may be written over: no grace period waits for us, only for programs.
        if (__atomic_load_n(&table, __ATOMIC_ACQUIRE) != word) continue;
        target.index = LB_SLOT_BACKEND(slot);
        target.life = programs_.backends[target.index].life;
        target.endpoint = programs_.backends[target.index].endpoint;
        return programs_.backends[target.index].service == record.service;
    }
}

/// The source that a fresh socket of the same kind would get towards `to`.
lb::Result<lb_endpoint> Repointer::fresh_source(int fd, const Flow& flow, const lb_endpoint& to) const {
    UniqueFd probe;
    int error = 0;
    const bool inside = namespaces_.run_inside(flow.value.netns, [&] {
        probe.reset(socket(family_of(fd), SOCK_DGRAM | SOCK_CLOEXEC, 0));
        error = errno;
    });
    if (!probe) return lb::system_error("socket in its network namespace", inside ? error : EPERM);
    mark_(probe.get());
    const std::uint32_t ifindex = flow.value.ifindex;
    if (ifindex) setsockopt(probe.get(), SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof(ifindex));
    std::uint32_t route_mark = 0;
    socklen_t length = sizeof(route_mark);
    if (getsockopt(fd, SOL_SOCKET, SO_MARK, &route_mark, &length) == 0 && route_mark)
        setsockopt(probe.get(), SOL_SOCKET, SO_MARK, &route_mark, sizeof(route_mark));
    if (const int refused = connect_to_endpoint(probe.get(), to))
        return lb::system_error("no way there", refused);
    return local_of(probe.get());
}

int Repointer::connect_as_us(int fd, const Flow& flow, const lb_endpoint& expected, const lb_record& record,
                             const Target& target, bool settled) const {
    const std::uint64_t cookie = flow.key.cookie;
    const lb_repoint now{.life = target.life,
                         .expected = expected,
                         .backend = target.index,
                         .tgid = own_tgid_,
                         .settled = settled};
    if (bpf_map_update_elem(programs_.repoint_fd(), &cookie, &now, BPF_ANY)) return errno;
    const int error = connect_to_endpoint(fd, record.dialled);
    bpf_map_delete_elem(programs_.repoint_fd(), &cookie);
    return error;
}

Repointer::Result Repointer::rebind_and_connect(SockDiag& diag, int fd, Flow& flow, const lb_record& record,
                                                const Target& target) {
    // Between these calls the application's send() would fail with EDESTADDRREQ: microseconds, and only where
    // the way to the new backend needs another source address.
    const SocketTuple before = flow.tuple();
    const auto there = diag.find({&before, 1});
    if (!there || !there->front()) return {Outcome::pending, kOvertaken};
    const sockaddr unspecified{.sa_family = AF_UNSPEC, .sa_data = {}};
    if (connect(fd, &unspecified, sizeof(unspecified)) != 0)
        return {Outcome::failed, because("unconnect", errno)};
    std::string why;
    if (local_of(fd).port_be == 0) {
        sockaddr_storage any;
        lb_endpoint wildcard{};
        wildcard.port_be = flow.value.local.port_be;
        const socklen_t length = to_sockaddr(wildcard, family_of(fd), any);
        if (bind(fd, reinterpret_cast<sockaddr*>(&any), length) != 0)
            why = because("bind the old port again", errno);
    }
    if (why.empty()) {
        const int error = connect_as_us(fd, flow, lb_endpoint{}, record, target, false);
        if (error == 0) return {Outcome::moved, ""};
        why = because("connect after a change of source address", error);
    }
    connect_to_endpoint(fd, flow.value.remote);  // so that it can be told by terminating it
    flow.value.local = local_of(fd);
    return {Outcome::failed, why};
}

Repointer::Result Repointer::connect_to(SockDiag& diag, int fd, Flow& flow, const lb_record& record,
                                        const Target& target, bool settled) {
    const auto source = fresh_source(fd, flow, target.endpoint);
    if (!source)
        return {Outcome::failed, "from here to " + lb::to_string(from_kernel(target.endpoint)) + ": " +
                                     source.error().message};
    if (!same_address(*source, flow.value.local)) return rebind_and_connect(diag, fd, flow, record, target);
    const int error = connect_as_us(fd, flow, flow.value.remote, record, target, settled);
    if (error == 0) return {Outcome::moved, ""};
    const bool refused = error == EAGAIN || error == EPERM;  // by our own program: see lb_repoint
    return refused ? Result{Outcome::pending, kOvertaken}
                   : Result{Outcome::failed, because("connect", error)};
}

/// Our program let the connect through while the application was not connecting; did it begin right after?
Repointer::Result Repointer::confirm(SockDiag& diag, int fd, const Flow& flow, const Target& target) {
    int pending = 0;  // an ICMP error of the dead backend would fail the application's next send()
    socklen_t length = sizeof(pending);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &length);
    const lb_endpoint local = local_of(fd);
    lb_owner owner{};
    if (bpf_map_lookup_elem(programs_.owner_fd(), &fd, &owner) != 0)
        return {Outcome::failed, because("ask who owns the socket", errno)};
    if (same_endpoint(owner.current.peer, target.endpoint)) {
        const bool same_port = local.port_be == flow.value.local.port_be;
        return {Outcome::moved, same_port ? "" : "the local port changed"};
    }
    // It wins: where the kernel carried out its connect first and ours undid that, once more.
    const SocketTuple ours{
        .local = local, .remote = target.endpoint, .cookie = flow.key.cookie, .ifindex = flow.value.ifindex};
    const auto there = diag.find({&ours, 1});
    if (there && there->front()) {
        const Target wish{
            .index = owner.current.backend, .life = owner.current.life, .endpoint = owner.current.peer};
        if (owner.current.life)
            connect_as_us(fd, flow, target.endpoint, owner.current, wish, false);
        else
            connect_to_endpoint(fd, wish.endpoint);
    }
    return {Outcome::not_ours, kOvertaken};
}

Repointer::Result Repointer::repoint(SockDiag& diag, Flow& flow, bool insist) {
    std::string why;
    UniqueFd fd = duplicate(flow, why);
    // A descriptor may be on its way from one process to another, or its process about to show.
    if (!fd) return {why == kAbsent && !insist ? Outcome::pending : Outcome::failed, why};
    lb_owner owner{};
    const int number = fd.get();
    make_record_follow_peer(number);
    if (bpf_map_lookup_elem(programs_.owner_fd(), &number, &owner) != 0)
        return {Outcome::not_ours, "nothing is noted on the socket"};
    // As the programs judge: the record that names the actual peer is true, of two the newer one.
    const bool settled = same_endpoint(owner.current.peer, flow.value.remote);
    const lb_record& record = settled ? owner.current : owner.previous;
    if (record.life != flow.key.life) return {Outcome::not_ours, kOvertaken};
    if (!settled && !insist) return {Outcome::pending, kOvertaken};
    Target target;
    if (!choose_target(owner, record, target)) return {Outcome::failed, "no backend to move to"};
    Result result = connect_to(diag, number, flow, record, target, settled);
    if (result.outcome == Outcome::moved) result = confirm(diag, number, flow, target);
    if (result.outcome == Outcome::moved) index_.remove({&flow, 1});
    return result;
}

}  // namespace reseat::bpf
