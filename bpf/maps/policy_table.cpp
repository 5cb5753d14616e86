// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/policy_table.hpp"

#include "base/printable.hpp"
#include "bpf/maps/byte_order.hpp"
#include "bpf/procfs/command_name.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

static_assert(LB_MAX_RULES >= lb::kMaxDestinations);
static_assert(LB_MAX_NETWORKS >= lb::kMaxNetworks);
static_assert(LB_MAX_PORT_SPANS > 2 * lb::kMaxPortRanges);
static_assert(LB_MAX_DENIALS >= 2 * lb::kMaxPolicies);

lb_network to_network(std::uint32_t set, const lb::Cidr& cidr) {
    lb_network network{.prefix_bits = LB_NETWORK_BITS(cidr.bits), .set = set, .addr_be = {}};
    std::memcpy(network.addr_be, cidr.address.bytes.data(), sizeof(network.addr_be));
    return network;
}

lb_rule_bits to_bits(const lb::RuleSet::Rules& rules) {
    lb_rule_bits bits{};
    std::ranges::copy(rules, bits.words);
    return bits;
}

std::string_view name_of(const lb_denial& denial) {
    return {denial.name, strnlen(denial.name, sizeof(denial.name))};
}

void write_set(lb_rule_set& set, const lb::RuleSet& rules, const std::vector<std::uint32_t>& elements) {
    for (std::size_t protocol = 0; protocol < rules.ports.size(); ++protocol) {
        const auto& spans = rules.ports[protocol];
        set.spans[protocol] = static_cast<std::uint32_t>(spans.size());
        for (std::size_t i = 0; i < spans.size(); ++i)
            set.ports[protocol][i] = {.first = spans[i].first, .pad = 0, .rules = to_bits(spans[i].rules)};
    }
    for (std::size_t rule = 0; rule < rules.verdicts.size(); ++rule)
        set.verdicts[rule] = rules.verdicts[rule] ? elements[*rules.verdicts[rule]] + 1 : 0;
}

}  // namespace

PolicyTable::PolicyTable(const Programs& programs, GracePeriod& grace) : programs_(programs), grace_(grace) {
    last_ = static_cast<std::uint32_t>(programs_.rules[0]);
    std::vector<lb_network> all;
    lb_network next;
    while (bpf_map_get_next_key(programs_.policies_fd(), all.empty() ? nullptr : &all.back(), &next) == 0)
        all.push_back(next);
    for (const auto& network : all) networks_[network.set].push_back(network);
    // Sets that are not in force: their process died while it wrote or removed them, and what ran with them
    // has long ended.
    std::set<std::uint32_t> stale;
    for (const auto& [set, networks] : networks_)
        if (set != last_) stale.insert(set);
    for (const std::uint32_t set : stale) forget(set);
    for (std::uint32_t element = 0; element < programs_.denials.size(); ++element) {
        const lb_denial& denial = programs_.denials[element];
        if (denial.name[0]) denials_[std::string(name_of(denial))] = {element, denial.denied, true};
    }
}

Result<void> PolicyTable::set(const std::vector<lb::AccessPolicy>& policies) {
    if (policies_ == policies) return {};
    const auto rules = lb::make_rule_set(policies);
    if (!rules) return rules.error();
    const auto elements = find_elements(policies);
    if (!elements) return elements.error();
    std::uint32_t set = 0;
    if (!policies.empty()) {
        set = last_ + 1 ? last_ + 1 : 1;
        if (auto written = write(set, *rules, *elements); !written) return written.error();
        last_ = set;
    }
    publish(set);
    policies_ = policies;
    for (auto& [name, denial] : denials_) denial.in_force = false;
    for (const auto& policy : policies) denials_[policy.name].in_force = true;
    return {};
}

/// Where each policy's denials are counted; a new name starts from 0.
Result<std::vector<std::uint32_t>> PolicyTable::find_elements(const std::vector<lb::AccessPolicy>& policies) {
    std::vector<std::uint32_t> elements;
    std::uint32_t free = 0;
    for (const auto& policy : policies) {
        const auto [denial, is_new] = denials_.try_emplace(policy.name);
        if (is_new) {
            while (free < programs_.denials.size() && programs_.denials[free].name[0]) ++free;
            if (free == programs_.denials.size()) {
                denials_.erase(denial);
                return Error{ErrorCode::failed,
                             "lb_denials is full of policies that were just removed; try again"};
            }
            denial->second.element = free;
            lb_denial& element = programs_.denials[free];
            element = {};
            policy.name.copy(element.name, sizeof(element.name) - 1);
        }
        elements.push_back(denial->second.element);
    }
    return elements;
}

Result<void> PolicyTable::write(std::uint32_t set, const lb::RuleSet& rules,
                                const std::vector<std::uint32_t>& elements) {
    const auto same_element = [&](const auto& other) {
        return other.first % LB_RULE_SETS == set % LB_RULE_SETS;
    };
    if (std::ranges::any_of(networks_, same_element))
        return Error{ErrorCode::failed,
                     "policies change faster than the kernel releases old ones; try again"};
    write_set(programs_.rule_sets[set % LB_RULE_SETS], rules, elements);
    auto& written = networks_[set];
    for (const auto& network : rules.networks) {
        const lb_network key = to_network(set, network.cidr);
        const lb_rule_bits bits = to_bits(network.rules);
        if (bpf_map_update_elem(programs_.policies_fd(), &key, &bits, BPF_ANY)) {
            const int number = errno;
            forget(set);
            return system_error("lb_policies", number);
        }
        written.push_back(key);
    }
    return {};
}

/// The one store; what it replaces may still be read for a moment.
void PolicyTable::publish(std::uint32_t set) {
    const auto before = static_cast<std::uint32_t>(
        __atomic_exchange_n(&programs_.rules[0], std::uint64_t{set}, __ATOMIC_ACQ_REL));
    grace_.after(here_, [this, before] {
        if (before) forget(before);
        release_unused();
    });
}

void PolicyTable::forget(std::uint32_t set) {
    const auto found = networks_.find(set);
    if (found == networks_.end()) return;
    for (const auto& network : found->second) bpf_map_delete_elem(programs_.policies_fd(), &network);
    networks_.erase(found);
}

/// Counters of policies that are gone: no set that names them is left.
void PolicyTable::release_unused() {
    if (networks_.size() > 1) return;  // one that was replaced since may name them: its own turn comes
    std::erase_if(denials_, [&](const auto& entry) {
        if (entry.second.in_force) return false;
        programs_.denials[entry.second.element] = {};
        return true;
    });
}

std::vector<std::pair<std::string, std::uint64_t>> PolicyTable::denials() const {
    std::vector<std::pair<std::string, std::uint64_t>> all;
    for (const auto& policy : policies()) {
        const lb_denial& denial = programs_.denials[denials_.find(policy.name)->second.element];
        all.emplace_back(policy.name, __atomic_load_n(&denial.denied, __ATOMIC_RELAXED));
    }
    return all;
}

lb::Event PolicyTable::describe(const lb_denied& event) {
    const auto is_it = [&](const auto& entry) { return entry.second.element == event.policy; };
    const auto found = std::ranges::find_if(denials_, is_it);
    std::uint64_t more = 0;
    if (found != denials_.end()) {
        more = event.denied > found->second.told ? event.denied - found->second.told - 1 : 0;
        found->second.told = event.denied;
    }
    const auto protocol = event.dialled.protocol == IPPROTO_TCP ? Protocol::tcp : Protocol::udp;
    auto command = printable({event.command, strnlen(event.command, sizeof(event.command))});
    if (command.empty()) command = command_name(event.pid);
    std::string line = fmt::format(
        "policy {} denied {} to {} ({}) by pid {}{}{}", found != denials_.end() ? found->first : "?",
        event.operation == LB_DENIED_CONNECT ? "connect" : "send", to_string(from_kernel(event.dialled)),
        to_string(protocol), event.pid, command.empty() ? "" : fmt::format(" ({})", command),
        more ? fmt::format(", and {} more since the last report", more) : "");
    return {.type = lb::Event::Type::policy_denied, .message = std::move(line)};
}

}  // namespace reseat::bpf
