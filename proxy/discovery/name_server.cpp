// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/name_server.hpp"

#include <fmt/format.h>

#include <utility>

namespace reseat::proxy {
namespace {

constexpr std::uint16_t kDnsPort = 53;

}  // namespace

Result<NameServer> NameServer::open(asio::any_io_executor executor, const lb::SocketPreparer& prepare,
                                    const Endpoint& server) {
    NameServer made;
    made.channels_ = std::make_shared<Channels>();
    Channels& channels = *made.channels_;
    channels.server = server.port == kDnsPort ? to_string(server.address) : to_string(server);
    for (const auto& [channel, way] :
         {std::pair(&channels.plain, Way::plain), {&channels.edns, Way::edns}, {&channels.tcp, Way::tcp}}) {
        auto opened = AresChannel::open(executor, prepare, server, way);
        if (!opened) return opened.error();
        *channel = std::move(*opened);
    }
    return made;
}

void NameServer::ask(const std::string& name, lb::Query query, OnFound on_found) {
    const std::weak_ptr weak = channels_;
    channels_->plain->ask(name, query, [=](int status, std::span<const std::uint8_t> message) {
        const auto channels = weak.lock();
        if (!channels) return;
        if (is_truncated(message)) return ask_for_more(channels, name, query, on_found);
        on_found(read_answer(query, status, message, channels->server));
    });
}

void NameServer::ask_for_more(const std::shared_ptr<Channels>& channels, const std::string& name,
                              lb::Query query, OnFound on_found) {
    const std::weak_ptr weak = channels;
    channels->edns->ask(name, query, [=](int status, std::span<const std::uint8_t> message) {
        const auto alive = weak.lock();
        if (!alive) return;
        lb::Found found = read_answer(query, status, message, alive->server);
        if (found.outcome != lb::Found::Outcome::failed) return on_found(std::move(found));
        alive->tcp->ask(name, query, [=](int again, std::span<const std::uint8_t> whole) {
            if (const auto still = weak.lock()) on_found(read_answer(query, again, whole, still->server));
        });
    });
}

}  // namespace reseat::proxy
