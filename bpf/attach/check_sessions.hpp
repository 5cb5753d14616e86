// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "lb/health/probe/probe.hpp"

#include <memory>
#include <string>

namespace reseat::bpf {

/// Exempts the sockets of exec checks' commands and of their descendants, as they are made: reseat may live
/// in the balanced cgroup, and so do they then. Detached with this object.
class CheckSessions {
public:
    /// `owner_map`: lb_owner. Errors: `unsupported` without CAP_PERFMON and BTF, `failed` a program in the
    /// way.
    static Result<std::unique_ptr<CheckSessions>> attach(const std::string& cgroup, int owner_map);
    ~CheckSessions();

    /// Must not outlive this object.
    lb::SessionPreparer preparer();

private:
    struct Impl;
    explicit CheckSessions(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace reseat::bpf
