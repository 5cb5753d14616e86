// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/resolver.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace reseat::proxy {
namespace {

using std::chrono::steady_clock;

constexpr auto kHostsTtl = std::chrono::seconds(30);  ///< the file is watched besides

}  // namespace

Resolver::Resolver(asio::any_io_executor executor, lb::SocketPreparer prepare, OnAnswer on_answer)
    : executor_(executor),
      prepare_(std::move(prepare)),
      on_answer_(std::move(on_answer)),
      timer_(std::make_shared<asio::steady_timer>(executor)) {
    auto servers = open();
    if (!servers) throw std::runtime_error(servers.error().message);
    servers_ = std::move(*servers);
}

Resolver::~Resolver() = default;

Result<std::unique_ptr<Resolver::Servers>> Resolver::open() const {
    auto system = read_system_dns();
    if (!system) return system.error();
    auto servers = std::make_unique<Servers>();
    servers->path = std::move(system->path);
    servers->order = lb::ServerOrder(system->servers.size());
    for (const Endpoint& address : system->servers) {
        auto server = NameServer::open(executor_, prepare_, address);
        if (!server) return server.error();
        servers->all.push_back(std::move(*server));
    }
    return servers;
}

std::string Resolver::servers() const {
    std::string all;
    for (const NameServer& server : servers_->all) all += (all.empty() ? "" : ", ") + server.address();
    return all;
}

void Resolver::ask(const lb::Question& question) {
    if (question.lookup.type == lb::RecordType::address && answer_from_hosts(question)) return;
    begin(question);
    step();
}

/// A name that the file has is not asked of DNS, not even for its other family.
bool Resolver::answer_from_hosts(const lb::Question& question) {
    const std::string& name = question.lookup.name;
    const auto addresses = addresses_in_hosts(name.substr(0, name.find_last_not_of('.') + 1));
    if (addresses.empty()) return false;
    for (const lb::Query query : question.queries) {
        lb::Found found{.outcome = lb::Found::Outcome::none, .ttl = kHostsTtl};
        const auto family = query == lb::Query::a ? Family::v4 : Family::v6;
        for (const auto& address : addresses)
            if (address.family() == family) found.addresses.push_back(address);
        if (found.addresses.empty())
            found.reason = "/etc/hosts has no address of this family";
        else
            found.outcome = lb::Found::Outcome::records;
        on_answer_(question.lookup, query, std::move(found));
    }
    return true;
}

void Resolver::begin(const lb::Question& question) {
    auto names = lb::full_names(question.lookup.name, servers_->path);
    running_.emplace(next_id_++, Running{question, lb::Inquiry(question, std::move(names))});
}

void Resolver::on_reply(std::uint64_t id, const lb::Ask& ask, lb::Found found) {
    const auto now = steady_clock::now();
    if (!found.silent) servers_->order.on_answer(ask.server);
    const auto running = running_.find(id);
    if (running == running_.end()) return;
    for (const std::size_t slower : running->second.inquiry.on_reply(ask, std::move(found)))
        servers_->order.on_overtaken(slower, now);
    step();
}

/// Replies may come while questions are being sent.
void Resolver::step() {
    step_again_ = true;
    if (std::exchange(stepping_, true)) return;
    while (std::exchange(step_again_, false)) step_all();
    stepping_ = false;
    set_timer();
}

void Resolver::step_all() {
    for (auto& [id, running] : running_) send(id, running);
    hand_out();
}

void Resolver::send(std::uint64_t id, Running& running) {
    const auto now = steady_clock::now();
    for (const lb::Ask& ask : running.inquiry.take_asks(now, servers_->order.order(now)))
        servers_->all[ask.server].ask(running.inquiry.name(ask), ask.query, [this, id, ask](lb::Found found) {
            on_reply(id, ask, std::move(found));
        });
}

void Resolver::hand_out() {
    for (auto& [id, running] : running_)
        for (auto& [query, found] : running.inquiry.take_answers()) {
            std::erase(running.question.queries, query);
            on_answer_(running.question.lookup, query, std::move(found));
        }
    std::erase_if(running_, [](const auto& entry) { return entry.second.inquiry.over(); });
}

void Resolver::set_timer() {
    std::optional<TimePoint> first;
    for (const auto& [id, running] : running_)
        if (const auto next = running.inquiry.next())
            first = std::min(first.value_or(TimePoint::max()), *next);
    if (!first) {
        timer_->cancel();
        return;
    }
    timer_->expires_at(*first);
    timer_->async_wait([this, weak = std::weak_ptr(timer_)](boost::system::error_code error) {
        if (!error && !weak.expired()) step();
    });
}

void Resolver::reread() {
    auto servers = open();
    if (!servers) {
        spdlog::warn("{}; the name servers stay unchanged", servers.error().message);
        return;
    }
    servers_ = std::move(*servers);
    for (const auto& [id, running] : std::exchange(running_, {})) begin(running.question);
    step();
}

}  // namespace reseat::proxy
