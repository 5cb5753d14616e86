// SPDX-License-Identifier: Apache-2.0
#include "bpf/workload/workload_sockets.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/procfs/cgroup_tree.hpp"
#include "bpf/sockets/owned_sockets.hpp"

#include <algorithm>

#include <netinet/in.h>
#include <sys/stat.h>

namespace reseat::bpf {
namespace {

constexpr std::uint32_t kListening = 1u << 10;

/// Ports with a listener: sockets accepted there did not connect.
class Listeners {
public:
    static Result<Listeners> find(SockDiag& diag) {
        Listeners listeners;
        auto dumped =
            diag.dump({.protocol = IPPROTO_TCP, .states = kListening, .remote_port_be = 0},
                      [&](const DiagSocket& socket) {
                          listeners.by_port_.emplace(socket.tuple.local.port_be, socket.tuple.local);
                      });
        if (!dumped) return dumped.error();
        return listeners;
    }

    bool accepted(const lb_endpoint& local) const {
        const auto [first, last] = by_port_.equal_range(local.port_be);
        return std::any_of(first, last, [&](const auto& listener) {
            return same_address(listener.second, local) ||
                   from_kernel(listener.second).address.is_unspecified();
        });
    }

private:
    std::unordered_multimap<__be16, lb_endpoint> by_port_;
};

/// As the programs judge: the record that names the actual peer is true, of two the newer one.
const lb_record* true_record(const lb_owner& owner, const lb_endpoint& peer) {
    const auto is_true = [&](const lb_record& record) { return same_endpoint(record.peer, peer); };
    const lb_record* record = is_true(owner.current)    ? &owner.current
                              : is_true(owner.previous) ? &owner.previous
                                                        : nullptr;
    return record && record->life ? record : nullptr;
}

/// What the programs noted on sockets, by their cookies.
Result<std::unordered_map<std::uint64_t, lb_owner>> read_owners(const Programs& programs) {
    const auto owned = owned_sockets(programs, 0);
    if (!owned) return owned.error();
    std::unordered_map<std::uint64_t, lb_owner> owners;
    for (const lb_owned& entry : *owned) owners.emplace(entry.cookie, entry.owner);
    return owners;
}

}  // namespace

std::unordered_set<std::uint64_t> cgroup_ids(const std::string& cgroup) {
    std::unordered_set<std::uint64_t> ids;
    for (const std::string& directory : cgroup_tree(cgroup)) {
        struct stat status = {};
        if (::stat(directory.c_str(), &status) == 0) ids.insert(status.st_ino);
    }
    return ids;
}

Result<std::vector<DiagSocket>> WorkloadSockets::list(std::uint8_t protocol, std::uint32_t states) {
    const auto cgroups = cgroup_ids(cgroup_);
    std::unordered_map<std::uint64_t, DiagSocket> by_cookie;  // a dump that is repeated shows some twice
    auto dumped = diag_.dump({.protocol = protocol, .states = states, .remote_port_be = 0},
                             [&](const DiagSocket& socket) {
                                 if (cgroups.contains(socket.cgroup))
                                     by_cookie.insert_or_assign(socket.tuple.cookie, socket);
                             });
    if (!dumped) return dumped.error();
    std::vector<DiagSocket> sockets;
    for (const auto& [cookie, socket] : by_cookie) sockets.push_back(socket);
    return sockets;
}

Result<std::vector<WorkloadSocket>> WorkloadSockets::connected(Protocol protocol) {
    const bool tcp = protocol == Protocol::tcp;
    const auto sockets = list(tcp ? IPPROTO_TCP : IPPROTO_UDP, tcp ? kLiveTcpStates : kConnectedUdp);
    if (!sockets) return sockets.error();
    const auto listeners = tcp ? Listeners::find(diag_) : Listeners();
    if (!listeners) return listeners.error();
    // After the dump, which gives each socket its cookie: only with one the iterator shows it.
    const auto owners = read_owners(programs_);
    if (!owners) return owners.error();
    std::vector<WorkloadSocket> found;
    for (const DiagSocket& socket : *sockets) {
        if (listeners->accepted(socket.tuple.local)) continue;
        WorkloadSocket workload{socket.tuple, from_kernel(socket.tuple.remote), false};
        const auto owner = owners->find(socket.tuple.cookie);
        if (owner != owners->end()) {
            if (owner->second.flags & LB_OWNER_EXEMPT) continue;
            const lb_record* record = true_record(owner->second, socket.tuple.remote);
            workload.balanced = record;
            if (record) workload.dialled = from_kernel(record->dialled);
        }
        found.push_back(workload);
    }
    return found;
}

Result<std::vector<WorkloadSocket>> WorkloadSockets::raw() {
    std::vector<WorkloadSocket> found;
    const auto sockets = list(IPPROTO_RAW, kConnectedUdp);
    if (!sockets) return found;  // built without it, or the module cannot be loaded
    for (const DiagSocket& socket : *sockets)
        found.push_back({socket.tuple, from_kernel(socket.tuple.remote), false});
    return found;
}

}  // namespace reseat::bpf
