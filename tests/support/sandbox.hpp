// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.hpp"
#include "lab/echo_server.hpp"
#include "lab/lab.hpp"
#include "tests/support/client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/socket_list.hpp"
#include "tests/support/socket_maker.hpp"
#include "tests/support/test_cgroup.hpp"
#include "tests/support/wait.hpp"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace reseat::test {

/// A machine of the sandbox with an EchoServer of its name on it.
class BackendHost {
public:
    explicit BackendHost(lab::Host& machine);

    const std::string& name() const { return machine_.name(); }
    Endpoint endpoint(Family family = Family::v4) const;
    bool owns(const Endpoint& endpoint) const;  ///< endpoint(v4) or endpoint(v6)
    lab::Host& machine() { return machine_; }
    lab::EchoServer& server() { return *server_; }

    void vanish() { machine_.vanish(); }
    void reappear() { machine_.reappear(); }
    void stop() { server_->stop(); }
    void stop_listening() { server_->stop_listening(); }
    /// A new EchoServer on the same port; its counters start at 0.
    void restart();

private:
    lab::Host& machine_;
    std::unique_ptr<lab::EchoServer> server_;
};

/// What a kernel test needs, removed on every exit: a Lab, machines with echo servers, a cgroup for the
/// workload and sockets that belong to it. The thread that makes it is inside the client's network
/// namespace until it destroys it.
class Sandbox {
public:
    /// Throws std::system_error; needs root.
    explicit Sandbox(const std::string& name, const std::vector<std::string>& hosts = {"a", "b", "c"});

    const lab::Lab& lab() const { return lab_; }
    const TestCgroup& cgroup() const { return cgroup_; }
    SocketMaker& maker() { return maker_; }
    BackendHost& host(const std::string& name);  ///< throws std::out_of_range

    /// A workload socket; Family::v6 is a dual-stack one. Throws std::system_error.
    Client client(Protocol protocol = Protocol::tcp, Family family = Family::v4);
    /// A socket in the same network namespace that does not belong to the workload.
    Client outsider(Protocol protocol = Protocol::tcp, Family family = Family::v4);
    /// A workload process that runs `body`; see Process.
    Process spawn(const std::function<int()>& body) const;

private:
    lab::Lab lab_;
    TestCgroup cgroup_;
    SocketMaker maker_;
    std::deque<BackendHost> hosts_;
    lab::NetNamespace::Guard inside_;
};

}  // namespace reseat::test
