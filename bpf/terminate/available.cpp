// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/available.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/sockets/process_sockets.hpp"
#include "bpf/sockets/socket_check.hpp"
#include "bpf/terminate/descriptor.hpp"
#include "bpf/terminate/diag.hpp"
#include "bpf/terminate/iterator.hpp"
#include "bpf/terminate/tuple.hpp"

#include <bpf/bpf.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::bpf {
namespace {

constexpr lb::LifeId kThrowAwayLife = ~0ull;

lb_endpoint name_of(int fd, decltype(getsockname) get) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    if (get(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
    return from_sockaddr(address, Protocol::tcp);
}

/// A client that is connected to a test listener.
class ThrowAway {
public:
    ThrowAway()
        : server_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
          client_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_storage address{};
        socklen_t length =
            to_sockaddr(to_kernel({Address::v4({127, 0, 0, 1}), 0}, Protocol::tcp), AF_INET, address);
        auto* name = reinterpret_cast<sockaddr*>(&address);
        if (bind(server_.get(), name, length) != 0 || listen(server_.get(), 1) != 0 ||
            getsockname(server_.get(), name, &length) != 0)
            return;
        connect(client_.get(), name, length);  // on loopback it is there when this returns
        flow_.cookie = cookie_of(client_.get());
        flow_.life = kThrowAwayLife;
        flow_.netns = netns_of(client_.get());
        flow_.local = name_of(client_.get(), getsockname);
        flow_.remote = name_of(client_.get(), getpeername);
        flow_.pid = static_cast<std::uint32_t>(getpid());
    }

    bool connected() const { return flow_.remote.port_be != 0; }
    const Flow& flow() const { return flow_; }
    /// As a socket that was balanced.
    bool own(const Programs& programs) const {
        lb_owner owner{};
        owner.current.life = kThrowAwayLife;
        owner.current.peer = flow_.remote;
        const int fd = client_.get();
        return bpf_map_update_elem(programs.owner_fd(), &fd, &owner, BPF_ANY) == 0;
    }
    bool ended() const {
        char byte;
        return recv(client_.get(), &byte, 1, MSG_DONTWAIT) == 0 || errno != EAGAIN;
    }

private:
    UniqueFd server_, client_;
    Flow flow_;
};

/// Empty: it works.
std::string try_engine(const TerminationEngine& engine, const Programs& programs) {
    const ThrowAway socket;
    if (!socket.connected()) return {};  // no loopback here: nothing to try it on
    if (!socket.own(programs)) return std::string("lb_owner: ") + std::strerror(errno);
    Chunk chunk(1);
    Target& target = chunk.front();
    target.flow = socket.flow();
    if (engine.kind() == Engine::diag) target.state = State::unseen;
    engine.start({.last = true})(chunk);
    if (socket.ended() && target.state == State::ended) return {};
    return target.why.empty() ? "a test socket was not found" : target.why;
}

struct Chooser {
    const std::shared_ptr<const Programs>& programs;
    const std::shared_ptr<NetNamespaces>& namespaces;
    const std::string& cgroup;
    std::optional<Engine> only;
    std::vector<std::shared_ptr<const TerminationEngine>> chosen;
    std::string why_not;

    bool wanted(Engine kind) const { return !only || only == kind; }

    bool add(std::shared_ptr<const TerminationEngine> engine) {
        const std::string why = try_engine(*engine, *programs);
        if (why.empty()) {
            chosen.push_back(std::move(engine));
            return true;
        }
        why_not = std::string(to_string(engine->kind())) + ": " + why;
        spdlog::debug("engine {}", why_not);
        return false;
    }
    bool add_iterator() {
        auto engine = IteratorEngine::load(*programs, namespaces);
        if (engine) return add(std::move(*engine));
        why_not = "iterator: " + engine.error().message;
        return false;
    }
};

}  // namespace

Result<std::vector<std::shared_ptr<const TerminationEngine>>> available_engines(
    const std::shared_ptr<const Programs>& programs, const std::shared_ptr<NetNamespaces>& namespaces,
    const std::string& cgroup, std::optional<Engine> only) {
    Chooser chooser{programs, namespaces, cgroup, only, {}, {}};
    const ExactEnder ender(namespaces, SocketCheck::load(programs->owner_fd()));
    bool destroys = false;
    if (chooser.wanted(Engine::tuple)) destroys |= chooser.add(std::make_shared<TupleEngine>(ender));
    if (chooser.wanted(Engine::diag))
        destroys |= chooser.add(std::make_shared<DiagEngine>(ender, only.has_value()));
    if (only ? only == Engine::iterator : !destroys) chooser.add_iterator();
    if (chooser.wanted(Engine::descriptor)) {
        if (can_duplicate_descriptors())
            chooser.chosen.push_back(std::make_shared<DescriptorEngine>(programs, cgroup, !destroys));
        else
            chooser.why_not = std::string("descriptor: pidfd_getfd: ") + std::strerror(errno);
    }
    if (only && chooser.chosen.empty())
        return Error{ErrorCode::unsupported, "the engine does not work here: " + chooser.why_not};
    return std::move(chooser.chosen);
}

}  // namespace reseat::bpf
