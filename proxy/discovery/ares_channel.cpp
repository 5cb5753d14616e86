// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/ares_channel.hpp"

#include "proxy/discovery/ares.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstring>
#include <utility>

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <sys/time.h>

namespace reseat::proxy {
namespace {

constexpr int kTimeoutMs = 500;  ///< of the first try; then 1 s, 2 s
constexpr int kTries = 3;
constexpr int kUdpSize = 1232;  ///< what fits into IPv6 unfragmented, as on the DNS flag day of 2020
constexpr int kFailed = -1;

using OnReply = AresChannel::OnReply;

void on_reply(void* argument, int status, int, unsigned char* message, int length) {
    const std::unique_ptr<OnReply> call(static_cast<OnReply*>(argument));
    if (status == ARES_EDESTRUCTION) return;
    const auto size = message && length > 0 ? static_cast<std::size_t>(length) : 0;
    try {  // c-ares, our caller, knows no exceptions
        (*call)(status, {message, size});
    } catch (const std::exception& failure) {
        spdlog::error("name resolution: {}", failure.what());
    }
}

/// Each answer is passed on, failures too: it is for the caller to ask another server.
int flags_of(Way way) {
    const int common = ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP;
    switch (way) {
        case Way::plain:
            return common | ARES_FLAG_IGNTC;
        case Way::edns:
            return common | ARES_FLAG_EDNS;
        case Way::tcp:
            return common | ARES_FLAG_USEVC;
    }
    return common;
}

int set_server(ares_channel channel, const Endpoint& server) {
    ares_addr_port_node node{};
    node.udp_port = node.tcp_port = server.port;
    if (server.address.family() == Family::v4) {
        node.family = AF_INET;
        std::memcpy(&node.addr.addr4, server.address.bytes.data() + 12, sizeof node.addr.addr4);
    } else {
        node.family = AF_INET6;
        std::memcpy(&node.addr.addr6, server.address.bytes.data(), sizeof node.addr.addr6);
    }
    return ares_set_servers_ports(channel, &node);
}

}  // namespace

/// c-ares forbids doing it at the same time twice, and reseat uses it on one thread.
int init_ares() {
    static const int status = ares_library_init(ARES_LIB_INIT_ALL);
    return status;
}

Error ares_error(int status) {
    return {ErrorCode::failed, fmt::format("name resolution: {}", ares_strerror(status))};
}

AresChannel::AresChannel(asio::any_io_executor executor, lb::SocketPreparer prepare)
    : executor_(executor), prepare_(std::move(prepare)), timer_(executor) {}

Result<std::shared_ptr<AresChannel>> AresChannel::open(asio::any_io_executor executor,
                                                       lb::SocketPreparer prepare, const Endpoint& server,
                                                       Way way) {
    std::shared_ptr<AresChannel> opened(new AresChannel(std::move(executor), std::move(prepare)));
    int status = init_ares();
    if (status == ARES_SUCCESS) status = opened->init(way);
    if (status == ARES_SUCCESS) status = set_server(opened->channel_, server);
    if (status != ARES_SUCCESS) return ares_error(status);
    ares_set_socket_configure_callback(opened->channel_, on_socket_made, opened.get());
    return opened;
}

/// What is given here is not read from resolv.conf.
int AresChannel::init(Way way) {
    std::string lookups = "b";
    ares_options options{};
    options.flags = flags_of(way);
    options.timeout = kTimeoutMs;
    // What EDNS does not bring soon is asked for over TCP.
    options.tries = way == Way::edns ? 1 : kTries;
    options.ednspsz = kUdpSize;
    options.lookups = lookups.data();
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = this;
    int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
                ARES_OPT_SOCK_STATE_CB;
#ifdef ARES_OPT_QUERY_CACHE  // since 1.31, and an answer without records would be in it for an hour
    options.qcache_max_ttl = 0;
    given |= ARES_OPT_QUERY_CACHE;
#endif
    return ares_init_options(&channel_, &options, given);
}

AresChannel::~AresChannel() {
    if (channel_) ares_destroy(channel_);
}

void AresChannel::ask(const std::string& name, lb::Query query, OnReply on_reply_called) {
    auto call = std::make_unique<OnReply>(std::move(on_reply_called));
    ares_query(channel_, name.c_str(), ns_c_in, record_number(query), on_reply, call.release());
    set_timer();
}

/// Neither wanted: c-ares is about to close it.
void AresChannel::on_socket_state(void* self, int descriptor, int readable, int writable) {
    auto& channel = *static_cast<AresChannel*>(self);
    if (!readable && !writable) return channel.let_go_of(descriptor);
    try {
        channel.watch(descriptor, readable, writable);
    } catch (const std::exception& failure) {  // c-ares, our caller, knows none; the question will time out
        spdlog::warn("name resolution: {}", failure.what());
        channel.let_go_of(descriptor);
    }
}

void AresChannel::let_go_of(int descriptor) {
    if (const auto gone = sockets_.extract(descriptor)) gone.mapped()->descriptor.release();
}

void AresChannel::watch(int descriptor, bool reads, bool writes) {
    auto known = sockets_.find(descriptor);
    if (known == sockets_.end()) {
        auto fresh = std::make_shared<Socket>(Socket{asio::posix::stream_descriptor(executor_)});
        known = sockets_.emplace(descriptor, std::move(fresh)).first;
        known->second->descriptor.assign(descriptor);
    }
    known->second->want_read = reads;
    known->second->want_write = writes;
    wait_for(known->second);
}

int AresChannel::on_socket_made(int descriptor, int, void* self) {
    const auto& prepare = static_cast<AresChannel*>(self)->prepare_;
    try {
        if (prepare) prepare(descriptor);
    } catch (const std::exception&) {
        return kFailed;
    }
    return ARES_SUCCESS;
}

void AresChannel::wait_for(const std::shared_ptr<Socket>& socket) {
    using Descriptor = asio::posix::stream_descriptor;
    using Flag = decltype(&Socket::reading);
    const auto wait = [&](Flag waiting, Descriptor::wait_type what) {
        (*socket).*waiting = true;
        socket->descriptor.async_wait(
            what, [weak = weak_from_this(), socket, waiting, what](boost::system::error_code error) {
                (*socket).*waiting = false;
                const auto self = weak.lock();
                if (error || !self) return;
                const int descriptor = socket->descriptor.native_handle();
                const bool reads = what == Descriptor::wait_read;
                self->process(reads ? descriptor : ARES_SOCKET_BAD, reads ? ARES_SOCKET_BAD : descriptor);
                if (socket->descriptor.is_open()) self->wait_for(socket);
            });
    };
    if (socket->want_read && !socket->reading) wait(&Socket::reading, Descriptor::wait_read);
    if (socket->want_write && !socket->writing) wait(&Socket::writing, Descriptor::wait_write);
}

void AresChannel::process(int readable, int writable) {
    ares_process_fd(channel_, readable, writable);
    set_timer();
}

void AresChannel::set_timer() {
    timeval left{};
    if (!ares_timeout(channel_, nullptr, &left)) {
        timer_.cancel();
        return;
    }
    timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (!error && self) self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    });
}

}  // namespace reseat::proxy
