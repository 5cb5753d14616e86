// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/discovery/ares_channel.hpp"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace reseat::proxy {

/// Answers lookups as the C library would: /etc/hosts first, then the name servers and search domains of
/// /etc/resolv.conf. One thread; nothing of it waits.
class Resolver {
public:
    using OnAnswer = std::function<void(const lb::Lookup&, lb::Answer)>;

    /// `prepare` gets each socket before it connects; `on_answer` is also called from within ask().
    /// Throws std::runtime_error for lack of memory.
    Resolver(lb::asio::any_io_executor executor, lb::SocketPreparer prepare, OnAnswer on_answer);

    /// One answer follows, after 14 s for each name server at the most.
    void ask(const lb::Lookup& lookup);

    /// resolv.conf has changed: what is under way is asked for again as it says now. Not from within
    /// `on_answer`.
    void reread();

private:
    struct Pending {
        std::vector<Query> queries;
        lb::Answer answer;  ///< to the first of them
    };

    bool answer_from_hosts(const lb::Lookup& lookup);
    void search(const lb::Lookup& lookup);
    void search_next(const lb::Lookup& lookup, const std::string& name,
                     const std::shared_ptr<Pending>& pending);

    lb::asio::any_io_executor executor_;
    lb::SocketPreparer prepare_;
    OnAnswer on_answer_;
    std::map<lb::Lookup, std::shared_ptr<Pending>> pending_;
    std::shared_ptr<AresChannel> channel_;
};

}  // namespace reseat::proxy
