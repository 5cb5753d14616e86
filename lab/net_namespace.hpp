// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"

#include <future>

namespace reseat::lab {

/// A network namespace without a name: it lives as long as this object, the sockets made in it and the
/// threads inside it, so that a crash leaves nothing behind.
class NetNamespace {
public:
    /// Makes a new, empty one (lo is down). Throws std::system_error: EPERM without CAP_SYS_ADMIN.
    NetNamespace();

    int fd() const { return fd_.get(); }

    /// While it lives, the calling thread is inside. Destroy it on the same thread, innermost first.
    class Guard {
    public:
        explicit Guard(int fd);
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;
        ~Guard();

    private:
        UniqueFd before_;
    };

    /// Throws std::system_error.
    [[nodiscard]] Guard enter() const { return Guard(fd_.get()); }

    /// Moves the calling thread inside for good. Throws std::system_error.
    void join() const;

    /// Calls `function` on a thread of its own inside; returns what it returns, throws what it throws.
    template <class Function>
    auto run(Function function) const {
        auto inside = [this, &function] {
            const Guard guard = enter();
            return function();
        };
        return std::async(std::launch::async, inside).get();
    }

private:
    UniqueFd fd_;
};

}  // namespace reseat::lab
