// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test_cgroup.hpp"

namespace reseat::test {

/// Makes sockets that belong to a cgroup and a network namespace, for a process that is in neither: which
/// programs run is decided by the cgroup in which a socket was *created*. A child makes them on request and
/// keeps no copy. Should the test die, the child removes the cgroup.
class SocketMaker {
public:
    /// Throws std::system_error. Best made before the process has threads.
    SocketMaker(const TestCgroup& cgroup, const lab::NetNamespace& net);
    ~SocketMaker();

    struct Made {
        UniqueFd fd;
        int error = 0;  ///< errno of socket()
    };
    /// socket(domain, type | SOCK_CLOEXEC, protocol) in there. Throws std::system_error if the child is gone.
    Made make(int domain, int type, int protocol = 0);

private:
    UniqueFd ours_;
    UniqueFd theirs_;
    Process child_;
};

}  // namespace reseat::test
