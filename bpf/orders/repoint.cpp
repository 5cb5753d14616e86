// SPDX-License-Identifier: Apache-2.0
#include "bpf/orders/repoint.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/procfs/workload_processes.hpp"
#include "bpf/sockets/process_sockets.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::bpf {
namespace {

constexpr auto kOvertaken = "re-connected by the application";
constexpr auto kAbsent = "no process of the workload has the socket";
constexpr auto kInvisible = "no process of the workload is visible (reseat runs in another PID namespace)";
constexpr auto kClaimed = "it is being re-pointed for another backend";
constexpr auto kFull = "too many sockets are being re-pointed";

std::string because(const std::string& what, int number) {
    return what + ": " + std::strerror(number);
}

/// Where several threads connected the socket at once, our program at getpeername() finds the record that
/// is true among those that it keeps.
void make_record_follow_peer(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length);
}

}  // namespace

/// The socket's entry of lb_repoint, for as long as this lives: its holder moves the socket, no other
/// does at the same time.
class Repointer::Claim {
public:
    Claim(const Programs& programs, std::uint64_t cookie, std::uint32_t tgid)
        : map_(programs.repoint_fd()), cookie_(cookie), tgid_(tgid) {
        const lb_repoint nothing_yet{};
        if (bpf_map_update_elem(map_, &cookie_, &nothing_yet, BPF_NOEXIST)) error_ = errno;
    }
    Claim(const Claim&) = delete;
    ~Claim() {
        if (!error_) bpf_map_delete_elem(map_, &cookie_);
    }

    /// Why it was not had; 0: it was.
    int error() const { return error_; }

    /// Connects the socket to `dialled` as the programs let us, which is only while it is still connected to
    /// `expected`. Returns errno.
    int connect(int fd, const lb_endpoint& expected, const lb_endpoint& dialled, const Target& target,
                bool settled) const {
        const lb_repoint now{.life = target.life,
                             .expected = expected,
                             .backend = target.index,
                             .tgid = tgid_,
                             .settled = settled};
        if (bpf_map_update_elem(map_, &cookie_, &now, BPF_EXIST)) return errno;
        return connect_to_endpoint(fd, dialled);
    }

private:
    int map_;
    std::uint64_t cookie_;
    std::uint32_t tgid_;
    int error_ = 0;
};

Repointer::Repointer(const Programs& programs, NetNamespaces& namespaces, std::string cgroup,
                     std::function<void(int)> mark)
    : programs_(programs),
      cgroup_(std::move(cgroup)),
      source_(namespaces, std::move(mark)),
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
        if (errno != ESRCH) why = because("pidfd_open of process " + std::to_string(pid), errno);
        return nullptr;
    }
    return &processes_.emplace(pid, Process{std::move(pidfd), DescriptorTable(pid)}).first->second;
}

UniqueFd Repointer::duplicate_from(std::uint32_t pid, const Flow& flow, std::string& why) {
    Process* owner = process(pid, why);
    if (!owner) return UniqueFd();
    const int hint = pid == flow.pid ? static_cast<int>(flow.fd) - 1 : -1;
    const auto number = owner->descriptors.find(flow.inode, hint);
    if (!number) {
        if (const int error = owner->descriptors.error())
            why = because("read the descriptors of process " + std::to_string(pid), error);
        return UniqueFd();
    }
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, owner->pidfd.get(), *number, 0)));
    if (!fd) {
        const bool gone = errno == EBADF || errno == ESRCH;  // closed meanwhile, or all of the process is
        if (!gone) why = because("pidfd_getfd from process " + std::to_string(pid), errno);
        return UniqueFd();
    }
    // Closed and its number used again meanwhile: then it is another one.
    return cookie_of(fd.get()) == flow.cookie ? std::move(fd) : UniqueFd();
}

/// `in_flight`: where none is found, it may show: on its way from one process to another (SCM_RIGHTS), say.
UniqueFd Repointer::duplicate(const Flow& flow, std::string& why, bool& in_flight) {
    if (flow.pid)
        if (UniqueFd fd = duplicate_from(flow.pid, flow, why)) return fd;
    const bool refused = !why.empty();  // then it is in there, most likely
    if (!workload_read_) {
        workload_pids_ = processes_below(cgroup_);
        workload_read_ = true;
    }
    for (const std::uint32_t pid : workload_pids_)
        if (UniqueFd fd = duplicate_from(pid, flow, why)) return fd;
    const bool visible = !processes_.empty() || !workload_pids_.empty();
    in_flight = visible && !refused;
    if (why.empty()) why = visible ? kAbsent : kInvisible;
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

Repointer::Result Repointer::cannot_reach(const Move& move, const std::string& why) const {
    return {State::open, "the bound source address " + to_string(from_kernel(move.flow.local).address) +
                             " cannot reach " + to_string(from_kernel(move.target.endpoint)) + ": " + why};
}

Repointer::Result Repointer::connect_directly(const Move& move) const {
    const int error =
        move.claim.connect(move.fd, move.flow.remote, move.record.dialled, move.target, move.settled);
    if (error == 0) return {State::moved, ""};
    const bool refused = error == EAGAIN || error == EPERM;  // by our own program: see lb_repoint
    return refused ? Result{State::pending, kOvertaken} : Result{State::open, because("connect", error)};
}

/// The way to the new backend needs another source address. Whether the application bound the one that it has
/// is not on record where it was connected past us before, but shows: it is kept then.
Repointer::Result Repointer::rebind_and_connect(const Move& move) {
    // Between these calls the application's send() would fail with EDESTADDRREQ: microseconds, and only where
    // the way to the new backend needs another source address.
    const SocketTuple before = move.flow.tuple();
    const auto there = move.diag.find({&before, 1});
    if (!there || !there->front()) return {State::pending, kOvertaken};
    const auto own = source_.check_own(move.fd, move.flow, move.target.endpoint);
    const BoundName name(move.fd);
    const sockaddr unspecified{.sa_family = AF_UNSPEC, .sa_data = {}};
    if (connect(move.fd, &unspecified, sizeof(unspecified)) != 0)
        return {State::open, because("unconnect", errno)};
    Result result{State::open, ""};
    const bool bound = same_address(local_of(move.fd), move.flow.local);
    if (const auto restored = name.restore(); !restored) {
        result.why = restored.error().message;
    } else if (bound && !own) {
        result = cannot_reach(move, own.error().message);
    } else if (const int error =
                   move.claim.connect(move.fd, lb_endpoint{}, move.record.dialled, move.target, false)) {
        result.why = because("connect after a change of source address", error);
    } else {
        return {State::moved, ""};
    }
    // So that it can be told by terminating it.
    move.claim.connect(move.fd, lb_endpoint{}, move.flow.remote, {}, false);
    move.flow.local = local_of(move.fd);
    return result;
}

Repointer::Result Repointer::move(const Move& move, bool bound) {
    if (bound) {
        const auto own = source_.check_own(move.fd, move.flow, move.target.endpoint);
        return own ? connect_directly(move) : cannot_reach(move, own.error().message);
    }
    const auto source = source_.fresh(move.fd, move.flow, move.target.endpoint);
    if (!source)
        return {State::open, "from here to " + to_string(from_kernel(move.target.endpoint)) + ": " +
                                 source.error().message};
    return same_address(*source, move.flow.local) ? connect_directly(move) : rebind_and_connect(move);
}

/// Our program let the connect through while the application was not connecting; did it begin right after?
Repointer::Result Repointer::confirm(const Move& move) const {
    int pending = 0;  // an ICMP error of the dead backend would fail the application's next send()
    socklen_t length = sizeof(pending);
    getsockopt(move.fd, SOL_SOCKET, SO_ERROR, &pending, &length);
    const lb_endpoint local = local_of(move.fd);
    lb_owner owner{};
    if (bpf_map_lookup_elem(programs_.owner_fd(), &move.fd, &owner) != 0)
        return {State::open, because("look up the owner of the socket", errno)};
    if (same_endpoint(owner.current.peer, move.target.endpoint)) {
        const bool same_port = local.port_be == move.flow.local.port_be;
        return {State::moved, same_port ? "" : "the local port changed"};
    }
    // It wins: where the kernel carried out its connect first and ours undid that, once more.
    const SocketTuple ours{.local = local,
                           .remote = move.target.endpoint,
                           .cookie = move.flow.cookie,
                           .ifindex = move.flow.ifindex};
    const auto there = move.diag.find({&ours, 1});
    if (there && there->front()) {
        const lb_record& wished = owner.current;
        const Target wish{.index = wished.backend, .life = wished.life, .endpoint = wished.peer};
        move.claim.connect(move.fd, move.target.endpoint, wished.life ? wished.dialled : wished.peer, wish,
                           false);
    }
    return {State::spared, kOvertaken};
}

Repointer::Result Repointer::repoint(SockDiag& diag, Flow& flow, bool insist) {
    std::string why;
    bool in_flight = false;
    const UniqueFd fd = duplicate(flow, why, in_flight);
    if (!fd) {
        return {in_flight && !insist ? State::in_flight : State::open, why};
    }
    // Before the look at its owner, which a re-point changes.
    const Claim claim(programs_, flow.cookie, own_tgid_);
    if (claim.error() == EEXIST) return {State::pending, kClaimed};
    if (claim.error() == E2BIG) return {State::pending, kFull};
    if (claim.error()) return {State::open, because("lb_repoint", claim.error())};
    lb_owner owner{};
    const int number = fd.get();
    make_record_follow_peer(number);
    if (bpf_map_lookup_elem(programs_.owner_fd(), &number, &owner) != 0)
        return {State::spared, "the socket has no owner record"};
    // As the programs judge: the record that names the actual peer is true, of two the newer one.
    const bool settled = same_endpoint(owner.current.peer, flow.remote);
    const lb_record& record = settled ? owner.current : owner.previous;
    if (record.life != flow.life) return {State::spared, kOvertaken};
    if (!settled && !insist) return {State::pending, kOvertaken};
    Target target;
    if (!choose_target(owner, record, target)) return {State::open, "no backend to re-point to"};
    const Move moving{.diag = diag,
                      .fd = number,
                      .flow = flow,
                      .record = record,
                      .target = target,
                      .settled = settled,
                      .claim = claim};
    Result result = move(moving, owner.flags & LB_OWNER_BOUND);
    if (result.state == State::moved) result = confirm(moving);
    if (result.state == State::moved) index_.remove_left(flow);
    return result;
}

}  // namespace reseat::bpf
