// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/resolver.hpp"

#include <spdlog/spdlog.h>

#include <stdexcept>
#include <vector>

namespace reseat::proxy {
namespace {

constexpr auto kHostsTtl = std::chrono::seconds(30);  ///< the file is watched besides

std::vector<Query> queries(lb::RecordType type) {
    if (type == lb::RecordType::srv) return {Query::srv};
    return {Query::a, Query::aaaa};
}

}  // namespace

Resolver::Resolver(lb::asio::any_io_executor executor, lb::SocketPreparer prepare, OnAnswer on_answer)
    : executor_(std::move(executor)), prepare_(std::move(prepare)), on_answer_(std::move(on_answer)) {
    auto channel = AresChannel::open(executor_, prepare_);
    if (!channel) throw std::runtime_error(channel.error().message);
    channel_ = std::move(*channel);
}

void Resolver::ask(const lb::Lookup& lookup) {
    if (lookup.type == lb::RecordType::address && answer_from_hosts(lookup)) return;
    search(lookup);
}

/// A name that the file has is not asked of DNS, not even for its other family.
bool Resolver::answer_from_hosts(const lb::Lookup& lookup) {
    const auto absolute = lookup.name.substr(0, lookup.name.find_last_not_of('.') + 1);
    const auto addresses = channel_->hosts(absolute);
    if (addresses.empty()) return false;
    lb::Answer answer(2, {.outcome = lb::Found::Outcome::none, .ttl = kHostsTtl});
    for (const auto& address : addresses) {
        lb::Found& found = answer[address.family() == lb::Family::v4 ? 0 : 1];
        found.outcome = lb::Found::Outcome::records;
        found.addresses.push_back(address);
    }
    on_answer_(lookup, std::move(answer));
    return true;
}

void Resolver::search(const lb::Lookup& lookup) {
    const auto pending = std::make_shared<Pending>(Pending{queries(lookup.type), {}});
    pending_[lookup] = pending;
    search_next(lookup, lookup.name, pending);
}

/// One type after the other: both families are those of one name, the first in the search domains that has
/// any.
void Resolver::search_next(const lb::Lookup& lookup, const std::string& name,
                           const std::shared_ptr<Pending>& pending) {
    const Query query = pending->queries[pending->answer.size()];
    channel_->search(name, query, [this, lookup, name, pending](lb::Found found, std::string asked) {
        const bool is_it = found.outcome == lb::Found::Outcome::records && !asked.empty();
        pending->answer.push_back(std::move(found));
        if (pending->answer.size() < pending->queries.size())
            return search_next(lookup, is_it ? asked : name, pending);
        pending_.erase(lookup);
        on_answer_(lookup, std::move(pending->answer));
    });
}

void Resolver::reread() {
    auto channel = AresChannel::open(executor_, prepare_);
    if (!channel) {
        spdlog::warn("{}; the name servers stay as they were", channel.error().message);
        return;
    }
    channel_ = std::move(*channel);
    for (const auto& [lookup, forgotten] : std::map(pending_)) search(lookup);
}

}  // namespace reseat::proxy
