// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"
#include "lb/health/probe/probe.hpp"
#include "proxy/discovery/dns_answer.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

struct ares_channeldata;

namespace reseat::proxy {

/// Once for the process. Returns a status of c-ares.
int init_ares();
Error ares_error(int status);

/// How a question is put. Plain is what every server understands; what does not fit into such an answer
/// (512 bytes) is asked for with EDNS, or over TCP.
enum class Way { plain, edns, tcp };

/// c-ares on the loop, for one name server and one way to ask it: its sockets are waited for by Asio, and it
/// is called when there is something to do. No thread, no blocking.
class AresChannel : public std::enable_shared_from_this<AresChannel> {
public:
    /// `prepare` gets each socket before it connects. Error: lack of memory.
    static Result<std::shared_ptr<AresChannel>> open(asio::any_io_executor executor,
                                                     lb::SocketPreparer prepare, const Endpoint& server,
                                                     Way way);
    /// Questions that are under way are forgotten.
    ~AresChannel();
    AresChannel(const AresChannel&) = delete;
    AresChannel& operator=(const AresChannel&) = delete;

    /// A status of c-ares, and the message where there is one.
    using OnReply = std::function<void(int status, std::span<const std::uint8_t> message)>;
    /// Asks for this full name. Calls back once; also from within this call.
    void ask(const std::string& name, lb::Query query, OnReply on_reply);

private:
    struct Socket {
        asio::posix::stream_descriptor descriptor;
        bool want_read = false, want_write = false;
        bool reading = false, writing = false;
    };

    AresChannel(asio::any_io_executor executor, lb::SocketPreparer prepare);
    int init(Way way);
    static void on_socket_state(void* self, int descriptor, int readable, int writable);
    static int on_socket_made(int descriptor, int type, void* self);
    void watch(int descriptor, bool reads, bool writes);
    /// c-ares closes it.
    void let_go_of(int descriptor);
    void wait_for(const std::shared_ptr<Socket>& socket);
    void process(int readable, int writable);
    void set_timer();

    asio::any_io_executor executor_;
    lb::SocketPreparer prepare_;
    ares_channeldata* channel_ = nullptr;
    std::map<int, std::shared_ptr<Socket>> sockets_;
    asio::steady_timer timer_;
};

}  // namespace reseat::proxy
