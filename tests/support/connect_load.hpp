// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/sandbox.hpp"

namespace reseat::test {

/// A workload process that connects to a service some 1,000 times a second, TCP and UDP by turns, and looks
/// each time whether it is told the service's address. Make it before the data plane: it inherits no lock.
class ConnectLoad {
public:
    ConnectLoad(const Sandbox& box, const Where& vip);
    ~ConnectLoad();

    /// From now on a connect that fails counts.
    void begin();
    void end();  ///< returns when the last connect is over

    unsigned connects() const;
    unsigned failures() const;
    std::string first_failure() const;

private:
    struct Shared;
    static int run(Shared& shared, const Where& vip);

    Shared* shared_;  ///< with the process
    Process process_;
};

}  // namespace reseat::test
