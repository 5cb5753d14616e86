// SPDX-License-Identifier: Apache-2.0
#include "lab/net_namespace.hpp"

#include <cerrno>
#include <exception>
#include <system_error>

#include <fcntl.h>
#include <sched.h>

namespace reseat::lab {
namespace {

UniqueFd namespace_of_this_thread() {
    UniqueFd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd) throw std::system_error(errno, std::generic_category(), "open /proc/thread-self/ns/net");
    return fd;
}

void set_namespace(int fd) {
    if (::setns(fd, CLONE_NEWNET) != 0)
        throw std::system_error(errno, std::generic_category(), "enter a network namespace");
}

}  // namespace

NetNamespace::NetNamespace() {
    auto make = [] {
        if (::unshare(CLONE_NEWNET) != 0)
            throw std::system_error(errno, std::generic_category(), "make a network namespace");
        return namespace_of_this_thread();
    };
    fd_ = std::async(std::launch::async, make).get();
}

void NetNamespace::join() const {
    set_namespace(fd_.get());
}

NetNamespace::Guard::Guard(int fd) : before_(namespace_of_this_thread()) {
    set_namespace(fd);
}

NetNamespace::Guard::~Guard() {
    // Going on in the wrong namespace would touch another network.
    if (::setns(before_.get(), CLONE_NEWNET) != 0) std::terminate();
}

}  // namespace reseat::lab
