// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/flow_index.hpp"
#include "bpf/sockets/net_namespaces.hpp"

#include <compare>
#include <functional>
#include <map>
#include <string>

#include <sys/socket.h>

namespace reseat::bpf {

sockaddr_storage name_of(int fd);  ///< getsockname(): port, and scope of a link-local address, included
lb_endpoint local_of(int fd);
/// Returns errno.
int connect_to_endpoint(int fd, const lb_endpoint& to);

/// Asks the routing of a UDP socket's network namespace, by sockets of our own that are bound to its device
/// and have its mark. To ask costs a thread that enters the namespace: answers are remembered, so make one
/// for each look. One thread.
class SourceAddress {
public:
    /// `mark` exempts reseat's own sockets from balancing.
    SourceAddress(NetNamespaces& namespaces, std::function<void(int)> mark)
        : namespaces_(namespaces), mark_(std::move(mark)) {}

    /// The source that a fresh socket of the same kind as `fd` would get towards `to`.
    Result<lb_endpoint> fresh(int fd, const Flow& flow, const lb_endpoint& to);
    /// Whether `to` can be reached from the address that `fd` has: error, why not.
    Result<void> check_own(int fd, const Flow& flow, const lb_endpoint& to);

private:
    /// All that an answer depends on.
    struct Question {
        std::uint64_t netns = 0;
        int family = 0;
        int device = 0;
        int mark = 0;
        int transparent = 0;
        std::string to;   ///< as bytes
        std::string own;  ///< the address to ask from, as bytes; empty: any

        auto operator<=>(const Question&) const = default;
    };

    static Question question(int fd, const Flow& flow, const lb_endpoint& to);
    Result<UniqueFd> probe(const Question& like) const;
    Result<lb_endpoint> ask_fresh(const Question& like, const lb_endpoint& to) const;
    Result<void> ask_own(const Question& like, sockaddr_storage own, const lb_endpoint& to) const;

    NetNamespaces& namespaces_;
    std::function<void(int)> mark_;
    std::map<Question, Result<lb_endpoint>> fresh_;
    std::map<Question, Result<void>> own_;
};

/// What unconnecting a UDP socket takes from it that the application may have asked for: kept before, given
/// back after.
class BoundName {
public:
    explicit BoundName(int fd);
    /// The device, and the port at the address that the application bound, at any where it bound none. Error:
    /// the port is taken, say.
    Result<void> restore() const;

private:
    int fd_;
    sockaddr_storage name_;
    int device_ = 0;
};

}  // namespace reseat::bpf
