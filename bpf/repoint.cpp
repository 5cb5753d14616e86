// SPDX-License-Identifier: Apache-2.0
#include "bpf/repoint.hpp"

#include "bpf/byte_order.hpp"

#include <bpf/bpf.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::bpf {
namespace {

namespace fs = std::filesystem;

#ifndef SO_BINDTOIFINDEX
constexpr int SO_BINDTOIFINDEX = 62;
#endif

std::string because(const std::string& what, int number) { return what + ": " + std::strerror(number); }

/// The sockets among a process's descriptors, from the links "socket:[inode]".
std::unordered_map<std::uint32_t, int> sockets_of(std::uint32_t pid) {
    std::unordered_map<std::uint32_t, int> found;
    std::error_code gone;
    for (fs::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", gone), end; entry != end && !gone;
         entry.increment(gone)) {
        std::error_code unreadable;
        const std::string target = fs::read_symlink(entry->path(), unreadable).string();
        if (unreadable || !target.starts_with("socket:[")) continue;
        std::uint32_t inode = 0;
        std::from_chars(target.data() + 8, target.data() + target.size(), inode);
        found.emplace(inode, std::atoi(entry->path().filename().c_str()));
    }
    return found;
}

std::vector<std::uint32_t> processes_below(const std::string& cgroup) {
    std::vector<std::uint32_t> pids;
    auto read = [&pids](const fs::path& directory) {
        std::ifstream procs(directory / "cgroup.procs");
        for (std::uint32_t pid; procs >> pid;)
            if (pid != 0) pids.push_back(pid);  // 0: not visible in our pid namespace
    };
    read(cgroup);
    std::error_code gone;
    for (fs::recursive_directory_iterator entry(cgroup, gone), end; entry != end && !gone; entry.increment(gone))
        if (entry->is_directory(gone)) read(entry->path());
    return pids;
}

int family_of(int fd) {
    int domain = 0;
    socklen_t length = sizeof(domain);
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
    return domain;
}

std::uint64_t cookie_of(int fd) {
    std::uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);
    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
    return cookie;
}

lb_endpoint local_of(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    return from_sockaddr(address, lb::Protocol::udp);
}

int connect_to_endpoint(int fd, const lb_endpoint& to) {
    sockaddr_storage address;
    const socklen_t length = to_sockaddr(to, family_of(fd), address);
    return connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : errno;
}

/// The source that a fresh socket of the same kind would get towards `to`.
lb::Result<lb_endpoint> fresh_source(int family, std::uint32_t ifindex, const lb_endpoint& to,
                                     const std::function<void(int)>& mark) {
    UniqueFd probe(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!probe) return lb::system_error("socket", errno);
    mark(probe.get());
    if (ifindex) setsockopt(probe.get(), SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof(ifindex));
    if (const int error = connect_to_endpoint(probe.get(), to)) return lb::system_error("no way there", error);
    return local_of(probe.get());
}

}  // namespace

Repointer::Repointer(const Programs& programs, std::string cgroup, std::function<void(int)> mark)
    : programs_(programs), cgroup_(std::move(cgroup)), mark_(std::move(mark)), index_(programs) {
    lb_repoint own{};
    const std::uint32_t zero = 0;
    bpf_map_lookup_elem(programs_.repoint_fd(), &zero, &own);
    own_tgid_ = own.tgid;
}

void Repointer::forget_processes() {
    processes_.clear();
    workload_pids_.clear();
    workload_read_ = false;
}

Repointer::Process* Repointer::process(std::uint32_t pid, std::string& why) {
    if (auto known = processes_.find(pid); known != processes_.end()) return &known->second;
    Process process{UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))), {}};
    if (!process.pidfd) {
        why = because("pidfd_open of process " + std::to_string(pid), errno);
        return nullptr;
    }
    process.fds = sockets_of(pid);
    return &processes_.emplace(pid, std::move(process)).first->second;
}

UniqueFd Repointer::duplicate_from(std::uint32_t pid, const Flow& flow, std::string& why) {
    Process* owner = process(pid, why);
    if (!owner) return UniqueFd();
    const auto number = owner->fds.find(flow.value.inode);
    if (number == owner->fds.end()) return UniqueFd();
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, owner->pidfd.get(), number->second, 0)));
    if (!fd) {
        why = because("pidfd_getfd from process " + std::to_string(pid), errno);
        return UniqueFd();
    }
    return cookie_of(fd.get()) == flow.key.cookie ? std::move(fd) : UniqueFd();
}

UniqueFd Repointer::duplicate(const Flow& flow, std::string& why) {
    if (UniqueFd fd = duplicate_from(flow.value.pid, flow, why)) return fd;
    if (!workload_read_) {
        workload_pids_ = processes_below(cgroup_);
        workload_read_ = true;
    }
    for (const std::uint32_t pid : workload_pids_)
        if (UniqueFd fd = duplicate_from(pid, flow, why)) return fd;
    if (why.empty()) why = "no process of the workload has the socket";
    return UniqueFd();
}

bool Repointer::choose_target(const lb_record& record, Target& target) const {
    const std::uint32_t family = is_v4(record.dialled) ? LB_FAMILY_V4 : LB_FAMILY_V6;
    const std::uint64_t word =
        __atomic_load_n(&programs_.tables[LB_TABLE_INDEX(record.service, family)], __ATOMIC_ACQUIRE);
    if (LB_TABLE_LENGTH(word) == 0) return false;
    target.index = static_cast<std::uint32_t>(
        programs_.slots[LB_TABLE_OFFSET(word) + turn_++ % LB_TABLE_LENGTH(word)]);
    target.endpoint = programs_.backends[target.index].endpoint;
    return true;
}

int Repointer::connect_as_us(int fd, const Flow& flow, const lb_endpoint& expected, const lb_record& record,
                             const Target& target) const {
    const std::uint32_t zero = 0;
    lb_repoint now{.cookie = flow.key.cookie,
                   .expected = expected,
                   .backend = target.index,
                   .tgid = own_tgid_,
                   .pad = 0};
    bpf_map_update_elem(programs_.repoint_fd(), &zero, &now, BPF_ANY);
    const int error = connect_to_endpoint(fd, record.dialled);
    now.cookie = 0;
    bpf_map_update_elem(programs_.repoint_fd(), &zero, &now, BPF_ANY);
    return error;
}

Repointer::Result Repointer::rebind_and_connect(int fd, const Flow& flow, const lb_record& record,
                                                const Target& target) {
    // Between these calls the application's send() would fail with EDESTADDRREQ: microseconds, and only where
    // the way to the new backend needs another source address.
    const sockaddr unspecified{.sa_family = AF_UNSPEC, .sa_data = {}};
    if (connect(fd, &unspecified, sizeof(unspecified)) != 0) return {Outcome::failed, because("unconnect", errno)};
    const lb_endpoint unbound = local_of(fd);
    if (unbound.port_be == 0) {
        sockaddr_storage any;
        lb_endpoint wildcard{};
        wildcard.port_be = flow.value.local.port_be;
        const socklen_t length = to_sockaddr(wildcard, family_of(fd), any);
        if (bind(fd, reinterpret_cast<sockaddr*>(&any), length) != 0)
            return {Outcome::failed, because("bind the old port again", errno)};
    }
    const int error = connect_as_us(fd, flow, lb_endpoint{}, record, target);
    if (error == 0) return {Outcome::moved, ""};
    connect_to_endpoint(fd, flow.value.remote);  // so that it can be told by terminating it
    return {Outcome::failed, because("connect after a change of source address", error)};
}

Repointer::Result Repointer::connect_to(SockDiag& diag, int fd, const Flow& flow, const lb_record& record,
                                        const Target& target) {
    auto source = fresh_source(family_of(fd), flow.value.ifindex, target.endpoint, mark_);
    if (!source)
        return {Outcome::failed, "from here to " + lb::to_string(from_kernel(target.endpoint)) + ": " +
                                     source.error().message};
    Result result{Outcome::moved, ""};
    if (same_address(*source, flow.value.local)) {
        const int error = connect_as_us(fd, flow, flow.value.remote, record, target);
        if (error == EAGAIN || error == EPERM) return {Outcome::not_ours, "re-connected by the application"};
        if (error) result = {Outcome::failed, because("connect", error)};
    } else {
        result = rebind_and_connect(fd, flow, record, target);
    }
    if (result.outcome != Outcome::moved) return result;
    int pending = 0;  // an ICMP error of the dead backend would fail the application's next send()
    socklen_t length = sizeof(pending);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &length);
    SocketTuple now{.local = local_of(fd),
                    .remote = target.endpoint,
                    .cookie = flow.key.cookie,
                    .ifindex = flow.value.ifindex};
    if (!diag.find_udp(now)) return {Outcome::not_ours, "re-connected by the application"};
    if (now.local.port_be != flow.value.local.port_be) return {Outcome::moved, "the local port changed"};
    return result;
}

Repointer::Result Repointer::repoint(SockDiag& diag, const Flow& flow) {
    std::string why;
    UniqueFd fd = duplicate(flow, why);
    if (!fd) return {Outcome::failed, why};
    lb_owner owner{};
    const int number = fd.get();
    if (bpf_map_lookup_elem(programs_.owner_fd(), &number, &owner) != 0)
        return {Outcome::not_ours, "nothing is noted on the socket"};
    const lb_record* record = nullptr;
    if (owner.current.life == flow.key.life) record = &owner.current;
    else if (owner.previous.life == flow.key.life) record = &owner.previous;
    if (!record) return {Outcome::not_ours, "re-connected by the application"};
    Target target;
    if (!choose_target(*record, target)) return {Outcome::failed, "no backend to move to"};
    Result result = connect_to(diag, number, flow, *record, target);
    if (result.outcome == Outcome::moved) index_.remove(flow);
    return result;
}

}  // namespace reseat::bpf
