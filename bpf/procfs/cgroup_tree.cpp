// SPDX-License-Identifier: Apache-2.0
#include "bpf/procfs/cgroup_tree.hpp"

#include <filesystem>
#include <system_error>

namespace reseat::bpf {
namespace {

namespace fs = std::filesystem;

// Not fs::recursive_directory_iterator: it ends where it cannot enter one directory.
void add_children(const fs::path& directory, std::vector<std::string>& found) {
    std::error_code gone;
    for (fs::directory_iterator entry(directory, gone), end; !gone && entry != end; entry.increment(gone))
        if (std::error_code unknown; entry->is_directory(unknown)) found.push_back(entry->path());
}

}  // namespace

std::vector<std::string> cgroup_tree(const std::string& cgroup) {
    std::vector<std::string> found{cgroup};
    for (std::size_t i = 0; i < found.size(); ++i) add_children(std::string(found[i]), found);
    return found;
}

}  // namespace reseat::bpf
