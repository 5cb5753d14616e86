// SPDX-License-Identifier: Apache-2.0
#include "bpf/attach/pin_directory.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace reseat::bpf {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSet = "maps-";
constexpr auto kUnfinished = "unfinished";
constexpr auto kLinks = "links";

std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> names;
    std::error_code gone;
    for (fs::directory_iterator entry(directory, gone), end; !gone && entry != end; entry.increment(gone))
        names.push_back(entry->path().filename());
    return names;
}

OpenMaps open_pins(const fs::path& directory) {
    OpenMaps opened;
    for (const std::string& name : names_in(directory))
        if (UniqueFd fd(bpf_obj_get((directory / name).c_str())); fd) opened.emplace(name, std::move(fd));
    return opened;
}

void remove_directory(const fs::path& directory) {
    std::error_code gone;
    fs::remove_all(directory, gone);
}

/// Another user with write access could have reseat adopt foreign maps, or remove its own. Up to where the
/// bpffs is mounted, which may be open to all if each only may remove his own.
Result<void> belongs_to_us(const fs::path& directory) {
    for (fs::path at = directory; at.has_relative_path(); at = at.parent_path()) {
        struct statfs filesystem = {};
        struct stat about = {};
        if (::statfs(at.c_str(), &filesystem) != 0 || ::stat(at.c_str(), &about) != 0)
            return system_error("pin directory " + at.string(), errno);
        if (filesystem.f_type != BPF_FS_MAGIC) return {};
        const bool foreign = about.st_uid != 0 && about.st_uid != ::geteuid();
        const bool open_to_all = (about.st_mode & S_IWOTH) != 0 && (about.st_mode & S_ISVTX) == 0;
        if (foreign || open_to_all)
            return Error{ErrorCode::failed,
                         at.string() + (foreign ? " belongs to another user" : " is world-writable") +
                             ", so pinned objects could be replaced: fix its owner and mode, or choose "
                             "another directory"};
    }
    return {};
}

/// Parents too, as far as they are missing.
Result<void> make_directory(const fs::path& path) {
    if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
    if (errno == ENOENT && path.has_parent_path() && path != path.parent_path()) {
        if (auto made = make_directory(path.parent_path()); !made) return made;
        if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
    }
    const int number = errno;
    return system_error("make the directory " + path.string(), number);
}

}  // namespace

Result<PinDirectory> PinDirectory::open(const std::string& path) {
    const fs::path directory = fs::path(path).lexically_normal();
    if (auto made = make_directory(directory); !made) return made.error();
    UniqueFd lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct statfs about;
    if (!lock || fstatfs(lock.get(), &about) != 0) return system_error("pin directory " + path, errno);
    if (about.f_type != BPF_FS_MAGIC)
        return Error{
            ErrorCode::unsupported,
            path + " is not in a bpffs: mount one (mount -t bpf bpf /sys/fs/bpf), or set `pin: off`"};
    if (auto safe = belongs_to_us(directory); !safe) return safe.error();
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return Error{ErrorCode::failed, "another running reseat already pins in " + path +
                                            "; stop it first, or choose another instance name"};
    return PinDirectory(directory, std::move(lock));
}

std::string PinDirectory::set_path(std::uint32_t number) const {
    return path_ + "/" + std::string(kSet) + std::to_string(number);
}

std::vector<std::uint32_t> PinDirectory::sets() const {
    std::vector<std::uint32_t> numbers;
    for (const std::string& name : names_in(path_)) {
        std::uint32_t number = 0;
        if (name.starts_with(kSet) &&
            std::from_chars(name.data() + kSet.size(), name.data() + name.size(), number).ec == std::errc())
            numbers.push_back(number);
    }
    std::ranges::sort(numbers);
    return numbers;
}

OpenMaps PinDirectory::open_set(std::uint32_t number) const {
    return open_pins(set_path(number));
}

Result<void> PinDirectory::pin_set(std::uint32_t number, const OpenMaps& maps) const {
    const std::string unfinished = path_ + "/" + kUnfinished;
    remove_directory(unfinished);
    if (auto made = make_directory(unfinished); !made) return made;
    if (auto pinned = pin_in(unfinished, maps); !pinned) return pinned;
    if (std::rename(unfinished.c_str(), set_path(number).c_str()) != 0)
        return system_error("rename " + unfinished, errno);
    return {};
}

Result<void> PinDirectory::add_to_set(std::uint32_t number, const OpenMaps& maps) const {
    return pin_in(set_path(number), maps);
}

Result<void> PinDirectory::pin_in(const std::string& directory, const OpenMaps& maps) const {
    for (const auto& [name, fd] : maps)
        if (bpf_obj_pin(fd.get(), (directory + "/" + name).c_str()) != 0)
            return system_error("pin the map " + name + " in " + path_, errno);
    return {};
}

void PinDirectory::remove_set(std::uint32_t number) const {
    // Never half of one under its name.
    const std::string unfinished = path_ + "/" + kUnfinished;
    remove_directory(unfinished);
    if (std::rename(set_path(number).c_str(), unfinished.c_str()) == 0) remove_directory(unfinished);
}

OpenMaps PinDirectory::open_links() const {
    return open_pins(fs::path(path_) / kLinks);
}

Result<void> PinDirectory::pin_link(const std::string& program, int link) const {
    const fs::path links = fs::path(path_) / kLinks;
    if (auto made = make_directory(links); !made) return made;
    if (bpf_obj_pin(link, (links / program).c_str()) != 0)
        return system_error("pin the link of " + program + " in " + path_, errno);
    return {};
}

void PinDirectory::remove_link(const std::string& program) const {
    ::unlink((fs::path(path_) / kLinks / program).c_str());
}

void PinDirectory::clear() const {
    const auto links = open_links();
    auto chooses = [](const std::string& program) {
        return program.find("connect") != std::string::npos || program.find("sendmsg") != std::string::npos;
    };
    for (const bool first : {true, false})
        for (const auto& [program, link] : links)
            if (chooses(program) == first)
                bpf_link_detach(link.get());  // at once; without its pin, some time later
    remove_pins();
}

void PinDirectory::remove() const {
    remove_pins();
    ::rmdir(path_.c_str());
}

void PinDirectory::remove_pins() const {
    remove_directory(fs::path(path_) / kLinks);
    for (const std::uint32_t number : sets()) remove_set(number);
    remove_directory(fs::path(path_) / kUnfinished);
}

}  // namespace reseat::bpf
