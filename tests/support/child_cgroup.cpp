// SPDX-License-Identifier: Apache-2.0
#include "tests/support/child_cgroup.hpp"

#include "base/handles.hpp"
#include "tests/support/test_cgroup.hpp"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>

namespace reseat::test {
namespace {

void make_threaded(const std::string& path) {
    const UniqueFd type(::open((path + "/cgroup.type").c_str(), O_WRONLY | O_CLOEXEC));
    if (!type || ::write(type.get(), "threaded", 8) != 8)
        throw std::system_error(errno, std::generic_category(), "make a threaded cgroup of " + path);
}

}  // namespace

ChildCgroup::ChildCgroup(const std::string& parent, const std::string& name, Kind kind)
    : path_(parent + "/" + name) {
    if (::mkdir(path_.c_str(), 0755) != 0)
        throw std::system_error(errno, std::generic_category(), "make the cgroup " + path_);
    if (kind == Kind::threaded) make_threaded(path_);
}

ChildCgroup::~ChildCgroup() {
    remove_cgroup(path_);
}

}  // namespace reseat::test
