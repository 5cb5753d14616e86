// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/handles.hpp"
#include "bpf/maps/map_set.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace reseat::bpf {

/// The pins of one instance, in a directory of a bpffs, and the claim on it (flock): one process at a time.
///
///     links/PROGRAM    the links to the cgroup; they stay when their programs are replaced
///     maps-N/MAP       the N-th set of maps, whole: it was "unfinished" until it was renamed
///
/// There may be several sets, when a process was killed while one took over from another: the last is what
/// holds, those before it have counts to be added. A set is whole before a link runs programs of it.
class PinDirectory {
public:
    /// Makes the directory where there is none. Errors: `unsupported` it is in no bpffs; `failed` a process
    /// that lives holds it, or others may write there.
    static Result<PinDirectory> open(const std::string& path);

    const std::string& path() const { return path_; }

    std::vector<std::uint32_t> sets() const;  ///< ascending
    OpenMaps open_set(std::uint32_t number) const;
    Result<void> pin_set(std::uint32_t number, const OpenMaps& maps) const;
    /// More maps for a set that is there.
    Result<void> add_to_set(std::uint32_t number, const OpenMaps& maps) const;
    void remove_set(std::uint32_t number) const;

    OpenMaps open_links() const;  ///< by program
    Result<void> pin_link(const std::string& program, int link) const;
    /// What is attached by that pin alone is detached.
    void remove_link(const std::string& program) const;

    /// Of a process that is gone: what is attached is detached, those that choose backends before those that
    /// see sockets end; then all pins are removed.
    void clear() const;
    /// Removes the pins and the directory; holders of descriptors keep the objects.
    void remove() const;

private:
    explicit PinDirectory(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    std::string set_path(std::uint32_t number) const;
    Result<void> pin_in(const std::string& directory, const OpenMaps& maps) const;
    void remove_pins() const;

    std::string path_;
    UniqueFd lock_;
};

}  // namespace reseat::bpf
