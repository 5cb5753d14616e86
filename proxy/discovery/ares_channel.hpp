// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe.hpp"
#include "lb/task.hpp"
#include "proxy/discovery/dns_answer.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct ares_channeldata;

namespace reseat::proxy {

/// c-ares on the loop: its sockets are waited for by Asio, and it is called when there is something to do.
/// No thread, no blocking but for the small files that c-ares reads.
class AresChannel : public std::enable_shared_from_this<AresChannel> {
public:
    /// Reads resolv.conf. `prepare` gets each socket before it connects. Error: lack of memory.
    static lb::Result<std::shared_ptr<AresChannel>> open(lb::asio::any_io_executor executor,
                                                         lb::SocketPreparer prepare);
    /// Questions that are under way are forgotten.
    ~AresChannel();
    AresChannel(const AresChannel&) = delete;
    AresChannel& operator=(const AresChannel&) = delete;

    /// What was found, and under which full name.
    using OnFound = std::function<void(lb::Found, std::string)>;
    /// Asks the name servers, through the search domains. Calls back once; also from within this call.
    void search(const std::string& name, Query query, OnFound on_found);

    /// What /etc/hosts has for this name. Reads the file.
    std::vector<lb::Address> hosts(const std::string& name);

private:
    struct Socket {
        lb::asio::posix::stream_descriptor descriptor;
        bool want_read = false, want_write = false;
        bool reading = false, writing = false;
    };

    AresChannel(lb::asio::any_io_executor executor, lb::SocketPreparer prepare);
    int init(std::optional<std::vector<std::string>> domains);
    static void on_socket_state(void* self, int descriptor, int readable, int writable);
    static int on_socket_made(int descriptor, int type, void* self);
    void watch(int descriptor, bool reads, bool writes);
    /// c-ares closes it.
    void let_go_of(int descriptor);
    void wait_for(const std::shared_ptr<Socket>& socket);
    void process(int readable, int writable);
    void set_timer();

    lb::asio::any_io_executor executor_;
    lb::SocketPreparer prepare_;
    ares_channeldata* channel_ = nullptr;
    std::map<int, std::shared_ptr<Socket>> sockets_;
    lb::asio::steady_timer timer_;
};

}  // namespace reseat::proxy
