// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/ares_channel.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include <ares.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <sys/time.h>

namespace reseat::proxy {
namespace {

namespace asio = lb::asio;

constexpr int kTimeoutMs = 1000;  ///< of the first try with each server; then 2 s, 4 s
constexpr int kTries = 3;
constexpr int kUdpSize = 1232;  ///< what IPv6 carries unfragmented, as on the DNS flag day of 2020
constexpr int kFailed = -1;

/// Once for the process; c-ares forbids doing it at the same time twice, and all of ours is one thread.
int library() {
    static const int status = ares_library_init(ARES_LIB_INIT_ALL);
    return status;
}

struct Question {
    Query query;
    AresChannel::OnFound on_found;
};

void on_reply(void* argument, int status, int, unsigned char* message, int length) {
    const std::unique_ptr<Question> question(static_cast<Question*>(argument));
    if (status == ARES_EDESTRUCTION) return;
    const auto size = message && length > 0 ? static_cast<std::size_t>(length) : 0;
    const std::span<const std::uint8_t> bytes(message, size);
    lb::Found found{.reason = "out of memory"};
    std::string name;
    try {  // c-ares, our caller, knows no exceptions
        name = asked_name(bytes);
        found = read_answer(question->query, status, bytes);
    } catch (const std::bad_alloc&) {
        name.clear();
    }
    try {
        question->on_found(std::move(found), std::move(name));
    } catch (const std::exception& failure) {
        spdlog::error("name resolution: {}", failure.what());
    }
}

void on_hosts(void* argument, int status, int, ares_addrinfo* info) {
    const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owner(info, ares_freeaddrinfo);
    auto& found = *static_cast<std::vector<lb::Address>*>(argument);
    if (status != ARES_SUCCESS || !info) return;
    for (const auto* node = info->nodes; node; node = node->ai_next) {
        if (node->ai_family == AF_INET) {
            const auto& in = reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr;
            std::array<std::uint8_t, 4> octets;
            std::memcpy(octets.data(), &in, octets.size());
            found.push_back(lb::Address::v4(octets));
        } else if (node->ai_family == AF_INET6) {
            const auto& in = reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr;
            std::memcpy(found.emplace_back().bytes.data(), &in, sizeof in);
        }
    }
}

/// "search .", as systemd-resolved and container engines write it, means no domain. c-ares 1.18 would look
/// for NAME.. and give up: the domains without it, if it is there.
std::optional<std::vector<std::string>> usable_domains(ares_channel channel) {
    ares_options read{};
    int given = 0;
    if (ares_save_options(channel, &read, &given) != ARES_SUCCESS) return std::nullopt;
    std::vector<std::string> domains;
    for (int i = 0; i < read.ndomains; ++i)
        if (std::string_view(read.domains[i]) != ".") domains.emplace_back(read.domains[i]);
    const bool all = std::ssize(domains) == read.ndomains;
    ares_destroy_options(&read);
    if (all) return std::nullopt;
    return domains;
}

}  // namespace

AresChannel::AresChannel(asio::any_io_executor executor, lb::SocketPreparer prepare)
    : executor_(executor), prepare_(std::move(prepare)), timer_(executor) {}

lb::Result<std::shared_ptr<AresChannel>> AresChannel::open(asio::any_io_executor executor,
                                                           lb::SocketPreparer prepare) {
    std::shared_ptr<AresChannel> opened(new AresChannel(std::move(executor), std::move(prepare)));
    int status = library();
    if (status == ARES_SUCCESS) status = opened->init(std::nullopt);
    if (status == ARES_SUCCESS)
        if (auto domains = usable_domains(opened->channel_)) status = opened->init(std::move(*domains));
    if (status != ARES_SUCCESS)
        return lb::Error{lb::ErrorCode::failed, fmt::format("name resolution: {}", ares_strerror(status))};
    ares_set_socket_configure_callback(opened->channel_, on_socket_made, opened.get());
    return opened;
}

/// `domains`: to be searched instead of those of resolv.conf.
int AresChannel::init(std::optional<std::vector<std::string>> domains) {
    if (channel_) ares_destroy(std::exchange(channel_, nullptr));
    std::string lookups = "f";
    std::vector<char*> texts;
    ares_options options{};
    options.flags = ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
    options.timeout = kTimeoutMs;
    options.tries = kTries;
    options.ednspsz = kUdpSize;
    options.lookups = lookups.data();
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = this;
    int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
                ARES_OPT_SOCK_STATE_CB;
    if (domains) {
        for (std::string& domain : *domains) texts.push_back(domain.data());
        options.domains = texts.data();
        options.ndomains = static_cast<int>(texts.size());
        given |= ARES_OPT_DOMAINS;
    }
    return ares_init_options(&channel_, &options, given);
}

AresChannel::~AresChannel() {
    if (channel_) ares_destroy(channel_);
}

void AresChannel::search(const std::string& name, Query query, OnFound on_found) {
    auto question = std::make_unique<Question>(Question{query, std::move(on_found)});
    ares_search(channel_, name.c_str(), ns_c_in, record_number(query), on_reply, question.release());
    set_timer();
}

/// `lookups` is the file alone, so that nothing is waited for.
std::vector<lb::Address> AresChannel::hosts(const std::string& name) {
    std::vector<lb::Address> found;
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NOSORT;
    hints.ai_family = AF_UNSPEC;
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, on_hosts, &found);
    return found;
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
    const auto wait = [&](bool Socket::*waiting, Descriptor::wait_type what) {
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
