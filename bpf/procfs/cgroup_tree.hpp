// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace reseat::bpf {

/// The cgroup2 directory `cgroup` and all cgroups below it, a parent before its children. One
/// that is removed meanwhile hides none of the others.
std::vector<std::string> cgroup_tree(const std::string& cgroup);

}  // namespace reseat::bpf
