// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/abi.h"
#include "bpf/handles.hpp"
#include "bpf/kernel_data_plane.hpp"
#include "bpf/mapped_array.hpp"

#include <array>
#include <functional>
#include <memory>
#include <vector>

struct lb_bpf;
struct multipath_bpf;
struct owned_bpf;
struct bpf_program;

namespace reseat::bpf {

/// The loaded programs and their maps. Everything is freed when this is destroyed and no link is left.
class Programs {
public:
    /// Loads with maps of these sizes. Error `unsupported`: says what the kernel or the capabilities lack.
    static lb::Result<std::unique_ptr<Programs>> load(const KernelOptions& options);
    ~Programs();
    Programs(const Programs&) = delete;

    /// In the order in which they are to be attached: release first, so that no socket is noted whose end
    /// is not seen.
    std::vector<bpf_program*> attachable() const;

    /// A descriptor to read(): every socket that has an owner record, as one lb_owned after the other. Costs
    /// by the sockets that were ever balanced and are open.
    lb::Result<UniqueFd> iterate_owned() const;

    int meta_fd() const;
    int services_fd() const;
    int turns_fd() const;
    int peers_fd() const;
    int owner_fd() const;
    int repoint_fd() const;
    int events_fd() const;
    int stats_fd() const;
    int policies_fd() const;

    MappedArray<std::uint64_t> tables;
    MappedArray<std::uint64_t> slots;
    MappedArray<lb_backend> backends;
    MappedArray<std::uint64_t> rules;
    MappedArray<lb_rule_set> rule_sets;
    MappedArray<lb_denial> denials;
    std::vector<UniqueFd> drawers;  ///< the hashes behind lb_flows

private:
    explicit Programs(lb_bpf* skeleton) : skeleton_(skeleton) {}
    lb::Result<void> make_drawers(std::uint32_t count, std::uint32_t entries);
    lb::Result<void> fill_flows();
    lb::Result<void> map_arrays();
    lb::Result<void> introduce();

    lb_bpf* skeleton_;
    owned_bpf* owned_ = nullptr;          ///< null where it cannot be loaded
    multipath_bpf* multipath_ = nullptr;  ///< likewise
    bool refuse_mptcp_ = false;
};

}  // namespace reseat::bpf
