// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/inquiry.hpp"
#include "lb/discovery/server_order.hpp"
#include "proxy/discovery/name_server.hpp"
#include "proxy/discovery/system_dns.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace reseat::proxy {

/// Answers questions as the C library would: /etc/hosts first, then the name servers and search domains of
/// /etc/resolv.conf. It does what Inquiry and ServerOrder decide. One thread; nothing of it waits.
class Resolver {
public:
    using OnAnswer = std::function<void(const lb::Lookup&, lb::Query, lb::Found)>;

    /// `prepare` gets each socket before it connects; `on_answer` is also called from within ask(). Throws
    /// std::runtime_error for lack of memory.
    Resolver(asio::any_io_executor executor, lb::SocketPreparer prepare, OnAnswer on_answer);
    ~Resolver();

    /// One answer for each of the questions follows.
    void ask(const lb::Question& question);

    /// "10.0.0.1, 10.0.0.2": the name servers.
    std::string servers() const;

    /// resolv.conf has changed: what is under way is asked for again as it says now. Not from within
    /// `on_answer`.
    void reread();

private:
    struct Running {
        lb::Question question;
        lb::Inquiry inquiry;
    };
    /// What resolv.conf says, at work.
    struct Servers {
        lb::SearchPath path;
        std::vector<NameServer> all;
        lb::ServerOrder order{0};
    };

    Result<std::unique_ptr<Servers>> open() const;
    bool answer_from_hosts(const lb::Question& question);
    void begin(const lb::Question& question);
    void on_reply(std::uint64_t id, const lb::Ask& ask, lb::Found found);
    void step();
    void step_all();
    void send(std::uint64_t id, Running& running);
    void hand_out();
    void set_timer();

    asio::any_io_executor executor_;
    lb::SocketPreparer prepare_;
    OnAnswer on_answer_;
    std::unique_ptr<Servers> servers_;
    std::map<std::uint64_t, Running> running_;
    std::uint64_t next_id_ = 0;
    bool stepping_ = false, step_again_ = false;
    std::shared_ptr<asio::steady_timer> timer_;  ///< null once this is gone
};

}  // namespace reseat::proxy
