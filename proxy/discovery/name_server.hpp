// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/discovery/ares_channel.hpp"

#include <functional>
#include <memory>
#include <string>

namespace reseat::proxy {

/// One name server. A question is put plainly, without EDNS, which some resolvers refuse or do not answer;
/// one whose answer does not fit is put again with EDNS, and, if that fails, over TCP.
class NameServer {
public:
    /// `prepare` gets each socket before it connects. Error: lack of memory.
    static Result<NameServer> open(asio::any_io_executor executor, const lb::SocketPreparer& prepare,
                                   const Endpoint& server);

    /// Its address, and its port where that is not 53.
    const std::string& address() const { return channels_->server; }

    using OnFound = std::function<void(lb::Found)>;
    /// Asks for this full name. Calls back once, also from within this call; not once this is gone.
    void ask(const std::string& name, lb::Query query, OnFound on_found);

private:
    struct Channels {
        std::string server;  ///< for people
        std::shared_ptr<AresChannel> plain, edns, tcp;
    };
    static void ask_for_more(const std::shared_ptr<Channels>& channels, const std::string& name,
                             lb::Query query, OnFound on_found);

    std::shared_ptr<Channels> channels_;
};

}  // namespace reseat::proxy
