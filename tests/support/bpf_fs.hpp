// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace reseat::test {

/// A bpffs of our own, "/tmp/reseat-test-NAME-PID". Making one also removes those whose PID, the test that
/// made them, is dead.
class BpfFs {
public:
    /// Throws std::system_error; needs root.
    explicit BpfFs(const std::string& name);
    BpfFs(const BpfFs&) = delete;
    BpfFs& operator=(const BpfFs&) = delete;
    ~BpfFs();

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// Ids of the links to this cgroup, pinned or held by anybody, ascending.
std::vector<unsigned> link_ids_on(const std::string& cgroup);
inline std::size_t links_on(const std::string& cgroup) {
    return link_ids_on(cgroup).size();
}
/// Maps in the whole kernel that have this name and so many entries.
unsigned maps_like(const std::string& name, unsigned entries);

}  // namespace reseat::test
