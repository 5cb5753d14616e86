// SPDX-License-Identifier: Apache-2.0
#include "bpf/workload/workload_sockets.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/procfs/cgroup_tree.hpp"
#include "bpf/sockets/owned_sockets.hpp"

#include <algorithm>
#include <exception>
#include <unordered_map>
#include <utility>

#include <netinet/in.h>
#include <sys/stat.h>

namespace reseat::bpf {
namespace {

constexpr std::uint32_t kListening = 1u << 10;

using Cgroups = std::unordered_set<std::uint64_t>;

/// Ports with a listener: sockets accepted there did not connect.
class Listeners {
public:
    Result<void> find(SockDiag& diag) {
        return diag.dump({.protocol = IPPROTO_TCP, .states = kListening, .remote_port_be = 0},
                         [&](const DiagSocket& socket) {
                             by_port_.emplace(socket.tuple.local.port_be, socket.tuple.local);
                         });
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

/// Appends what a dump shows of the workload.
Result<void> list(SockDiag& diag, const Cgroups& cgroups, int protocol, std::vector<WorkloadSocket>& found) {
    std::unordered_map<std::uint64_t, SocketTuple> by_cookie;  // a dump that is repeated shows some twice
    auto dumped = diag.dump({.protocol = static_cast<std::uint8_t>(protocol),
                             .states = protocol == IPPROTO_TCP ? kLiveTcpStates : kConnectedUdp,
                             .remote_port_be = 0},
                            [&](const DiagSocket& socket) {
                                if (cgroups.contains(socket.cgroup))
                                    by_cookie.insert_or_assign(socket.tuple.cookie, socket.tuple);
                            });
    if (!dumped) return protocol == IPPROTO_RAW ? Result<void>() : dumped;
    Listeners listeners;  // afterwards: what was accepted at one that is new by now is known as such
    if (protocol == IPPROTO_TCP)
        if (auto listed = listeners.find(diag); !listed) return listed;
    const std::uint64_t netns = diag.netns();
    for (const auto& [cookie, tuple] : by_cookie)
        if (!listeners.accepted(tuple.local))
            found.push_back({tuple, netns, from_kernel(tuple.remote), false});
    return {};
}

Result<void> list_all(SockDiag& diag, const Cgroups& cgroups, std::span<const int> protocols,
                      std::vector<WorkloadSocket>& found) {
    try {
        for (const int protocol : protocols)
            if (auto listed = list(diag, cgroups, protocol, found); !listed) return listed;
        return {};
    } catch (const std::exception& error) {
        return Error{ErrorCode::failed, error.what()};
    }
}

/// Takes out reseat's own sockets, and says of the others what was dialled.
void judge(std::vector<WorkloadSocket>& sockets, const std::unordered_map<std::uint64_t, lb_owner>& owners) {
    std::erase_if(sockets, [&](WorkloadSocket& socket) {
        const auto owner = owners.find(socket.tuple.cookie);
        if (owner == owners.end()) return false;
        if (owner->second.flags & LB_OWNER_EXEMPT) return true;
        const lb_record* record = true_record(owner->second, socket.tuple.remote);
        socket.balanced = record;
        if (record) socket.dialled = from_kernel(record->dialled);
        return false;
    });
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

WorkloadSockets list_workload_sockets(const Programs& programs, NetNamespaces& namespaces,
                                      const std::string& cgroup, std::span<const int> protocols) {
    WorkloadSockets found;
    const Cgroups cgroups = cgroup_ids(cgroup);
    for (const auto& diag : namespaces.channels_of_workload())  // one that fails is no reason to leave others
        if (auto listed = list_all(*diag, cgroups, protocols, found.sockets); !listed)
            found.why = listed.error().message;
    if (found.sockets.empty()) return found;
    // After the dumps, which give each socket its cookie: only with one the iterator shows it.
    if (const auto owners = read_owners(programs)) {
        judge(found.sockets, *owners);
    } else {
        found.sockets.clear();
        found.why = owners.error().message;
    }
    return found;
}

}  // namespace reseat::bpf
