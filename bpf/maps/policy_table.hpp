// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/grace_period.hpp"
#include "bpf/maps/programs.hpp"
#include "lb/control/report/event.hpp"
#include "lb/rule_set.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reseat::bpf {

/// The policies as the programs have them. What an earlier process left in pinned maps stays in force until
/// the first set().
class PolicyTable {
public:
    /// Both must outlive this.
    PolicyTable(const Programs& programs, GracePeriod& grace);

    /// See lb::DataPlane::set_policies(). Error `failed`: no room, as policies before are not forgotten yet.
    Result<void> set(const std::vector<lb::AccessPolicy>& policies);
    /// Those of the last set().
    std::vector<lb::AccessPolicy> policies() const {
        return policies_.value_or(std::vector<lb::AccessPolicy>{});
    }
    std::vector<std::pair<std::string, std::uint64_t>> denials() const;

    /// What an event of the programs says: "policy NAME denied connect to 8.8.8.8:53 (udp) by pid 123 (dig)",
    /// and how many it denied since the last line.
    lb::Event describe(const lb_denied& event);

private:
    struct Denial {
        std::uint32_t element = 0;
        std::uint64_t told = 0;  ///< denials that log lines have reported
        bool in_force = false;
    };

    Result<std::vector<std::uint32_t>> find_elements(const std::vector<lb::AccessPolicy>& policies);
    void release_unused();
    Result<void> write(std::uint32_t set, const lb::RuleSet& rules,
                       const std::vector<std::uint32_t>& elements);
    void publish(std::uint32_t set);
    void forget(std::uint32_t set);

    const Programs& programs_;
    GracePeriod& grace_;
    std::optional<std::vector<lb::AccessPolicy>> policies_;  ///< nothing: whatever was adopted is in force
    std::map<std::string, Denial, std::less<>> denials_;     ///< by name; also of policies just gone
    std::map<std::uint32_t, std::vector<lb_network>> networks_;  ///< by set: what is in lb_policies
    std::uint32_t last_ = 0;                                     ///< set that was written last
    /// Of this object: what waits for a grace period asks.
    std::shared_ptr<const bool> here_ = std::make_shared<bool>(true);
};

}  // namespace reseat::bpf
