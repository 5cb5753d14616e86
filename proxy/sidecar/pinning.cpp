// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/pinning.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

namespace fs = std::filesystem;

/// `directory`, or the innermost one above it that exists.
fs::path existing_part(fs::path directory) {
    std::error_code ignored;
    while (directory.has_relative_path() && !fs::exists(directory, ignored))
        directory = directory.parent_path();
    return directory;
}

}  // namespace

std::string default_pin(const std::string& instance) {
    std::string name = instance;
    std::ranges::replace(name, '.', ':');  // a bpffs has no dots in names, nor an instance's name colons
    return "/sys/fs/bpf/reseat/" + name;
}

Result<void> can_pin_in(const std::string& directory) {
    const fs::path place = existing_part(directory);
    struct statfs about = {};
    if (::statfs(place.c_str(), &about) != 0) return system_error(place.string(), errno);
    if (static_cast<unsigned long>(about.f_type) != BPF_FS_MAGIC)
        return Error{ErrorCode::unsupported, directory + " is not in a bpffs: mount -t bpf bpf /sys/fs/bpf"};
    if (fs::path(directory).lexically_relative(place).string().find('.', 1) != std::string::npos)
        return Error{ErrorCode::unsupported,
                     directory + " has a dot in a name, which a bpffs does not allow"};
    if (::access(place.c_str(), W_OK | X_OK) != 0)
        return Error{ErrorCode::unsupported,
                     place.string() + " is not writable: grant this user write access"};
    return {};
}

Result<PinChoice> choose_pin(const lb::Model& model, const std::string& instance) {
    const bool wanted = model.on_exit == lb::OnExit::keep;
    const std::string directory = model.pin == "auto" ? default_pin(instance) : model.pin;
    if (model.pin == "off") {
        if (wanted)
            return Error{ErrorCode::invalid_config,
                         "on_exit: keep requires pinning: write pin: auto or a directory"};
        return PinChoice{{}, "not pinned (pin: off): balancing ends when this process exits"};
    }
    const auto possible = can_pin_in(directory);
    if (possible)
        return PinChoice{directory,
                         "pinned in " + directory + ": connections continue to be balanced if reseat dies"};
    if (wanted || model.pin != "auto")
        return Error{ErrorCode::unsupported, "pin: " + possible.error().message};
    return PinChoice{{},
                     "not pinned, balancing ends when this process exits: " + possible.error().message +
                         ", or write pin: off",
                     true};
}

}  // namespace reseat::proxy
