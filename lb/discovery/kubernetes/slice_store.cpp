// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/kubernetes/slice_store.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

namespace reseat::lb::kubernetes {
namespace {

bool says_the_same(const Slice& a, const Slice& b) {
    return std::tie(a.service, a.created, a.endpoints, a.ports, a.left_out) ==
           std::tie(b.service, b.created, b.endpoints, b.ports, b.left_out);
}

std::optional<std::uint16_t> number_in(const std::string& text) {
    std::uint16_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = fault == std::errc{} && end == text.data() + text.size() && !text.empty();
    return whole ? std::optional(number) : std::nullopt;
}

/// "http (8080)", "8080" where it has no name.
std::string described(const SlicePort& port) {
    return port.name.empty() ? fmt::format("{}", port.number)
                             : fmt::format("{} ({})", port.name, port.number);
}

/// Which ports of slices are meant.
class PortChoice {
public:
    PortChoice(const std::string& wanted, Protocol protocol)
        : wanted_(wanted), number_(number_in(wanted)), protocol_(protocol) {}

    bool takes(const SlicePort& port) const {
        if (port.protocol != protocol_) return false;
        if (wanted_.empty()) return true;
        return number_ ? port.number == *number_ : port.name == wanted_;
    }

    void note(const SlicePort& port) {
        seen_.insert(described(port) + (port.protocol == Protocol::udp ? "/udp" : ""));
        if (port.protocol != protocol_) return;
        names_.insert(port.name);
        found_ |= takes(port);
    }

    /// What keeps it from being one port; empty: it is one, or there is none at all yet.
    std::string fault() const {
        if (seen_.empty()) return "";
        if (!found_)
            return fmt::format("has no {} port {}; there {} {}", to_string(protocol_), wanted_,
                               seen_.size() == 1 ? "is" : "are", fmt::join(seen_, ", "));
        // One name may be different numbers in different pods: that is one port all the same.
        if (wanted_.empty() && names_.size() > 1)
            return fmt::format("has several ports; choose one with 'port': {}", fmt::join(seen_, ", "));
        return "";
    }

private:
    std::string wanted_;
    std::optional<std::uint16_t> number_;
    Protocol protocol_;
    bool found_ = false;
    std::set<std::string> seen_, names_;
};

}  // namespace

void SliceStore::index(const Slice& slice) {
    if (!slice.service.empty()) by_service_[slice.service].insert(slice.name);
}

void SliceStore::unindex(const Slice& slice) {
    const auto found = by_service_.find(slice.service);
    if (found == by_service_.end()) return;
    found->second.erase(slice.name);
    if (found->second.empty()) by_service_.erase(found);
}

std::set<std::string> SliceStore::put(Slice slice) {
    std::set<std::string> changed;
    const auto known = slices_.find(slice.name);
    if (known != slices_.end()) {
        const bool same = says_the_same(known->second, slice);
        if (!same) changed = {known->second.service, slice.service};
        unindex(known->second);
    } else {
        changed = {slice.service};
    }
    index(slice);
    slices_[slice.name] = std::move(slice);
    changed.erase("");
    return changed;
}

std::set<std::string> SliceStore::erase(const std::string& name) {
    const auto known = slices_.find(name);
    if (known == slices_.end()) return {};
    std::set<std::string> changed = {known->second.service};
    unindex(known->second);
    slices_.erase(known);
    changed.erase("");
    return changed;
}

std::set<std::string> SliceStore::replace(std::vector<Slice> all) {
    std::set<std::string> changed, names;
    for (const Slice& one : all) names.insert(one.name);
    std::vector<std::string> gone;
    for (const auto& [name, slice] : slices_)
        if (!names.contains(name)) gone.push_back(name);
    for (const std::string& name : gone) changed.merge(erase(name));
    for (Slice& one : all) changed.merge(put(std::move(one)));
    return changed;
}

std::size_t SliceStore::slices_of(const std::string& service) const {
    const auto found = by_service_.find(service);
    return found == by_service_.end() ? 0 : found->second.size();
}

Assignment SliceStore::assignment(const std::string& service, const std::string& port,
                                  Protocol protocol) const {
    Assignment said{.known = Assignment::Known::present};
    const auto found = by_service_.find(service);
    if (found == by_service_.end()) {
        said.known = Assignment::Known::absent;
        return said;
    }
    std::vector<const Slice*> slices;
    for (const std::string& name : found->second) slices.push_back(&slices_.at(name));
    std::ranges::stable_sort(slices, {}, &Slice::created);  // of two that say it of one, the later wins
    PortChoice choice(port, protocol);
    for (const Slice* slice : slices) {
        said.left_out += slice->left_out;
        if (said.why_left_out.empty()) said.why_left_out = slice->why_left_out;
        if (slice->endpoints.empty()) continue;  // a placeholder has no ports
        for (const SlicePort& one : slice->ports) choice.note(one);
    }
    said.error = choice.fault();
    if (!said.error.empty()) return said;
    for (const Slice* slice : slices)
        for (const SlicePort& one : slice->ports) {
            if (!choice.takes(one)) continue;
            for (const SliceEndpoint& endpoint : slice->endpoints)
                said.endpoints.push_back({.endpoint = {endpoint.address, one.number},
                                          .name = endpoint.pod,
                                          .incarnation = endpoint.uid,
                                          .standing = endpoint.standing,
                                          .zone = endpoint.zone,
                                          .node = endpoint.node});
        }
    settle(said);
    return said;
}

}  // namespace reseat::lb::kubernetes
