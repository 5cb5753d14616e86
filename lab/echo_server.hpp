// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lab/net_namespace.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace reseat::lab {

/// A backend that answers with its name: answers each datagram, and each piece of a TCP stream as it comes,
/// with "NAME:PAYLOAD". Serves TCP and UDP over IPv4 and, where there is any, IPv6 on one port of all
/// addresses, from a thread of its own; an answer leaves from the address that was asked.
class EchoServer {
public:
    /// Serves inside `net` on return; port 0 picks a free one. Throws std::system_error (EADDRINUSE, ...).
    EchoServer(std::string name, const NetNamespace& net, std::uint16_t port = 0);
    EchoServer(const EchoServer&) = delete;
    EchoServer& operator=(const EchoServer&) = delete;
    ~EchoServer();

    const std::string& name() const { return name_; }
    std::uint16_t port() const { return port_; }

    /// What the death of its process does: listeners, connections and UDP sockets are closed on return.
    void stop();
    /// What a graceful shutdown does: new TCP connections are refused on return; open ones and UDP go on.
    void stop_listening();

    std::uint64_t datagrams() const { return datagrams_; }
    std::uint64_t bytes() const { return bytes_; }  ///< payload received, TCP and UDP
    std::uint64_t connections_accepted() const { return accepted_; }
    std::uint64_t connections_open() const { return open_; }

private:
    enum class Source : std::uint32_t { wake, listener, datagrams, connection };

    bool bind_all(std::uint16_t port);
    void watch(Source source, int fd, std::uint32_t events, int operation);
    void wake();
    void serve();
    void handle(Source source, int fd);
    void accept_from(int listener);
    void answer_datagrams(int fd);
    void answer_stream(int fd);
    void close_connection(int fd);
    void close_listeners();
    void pause_accepting(bool pause);

    std::string name_;
    std::uint16_t port_ = 0;
    UniqueFd epoll_;
    UniqueFd wake_;
    std::vector<UniqueFd> listeners_;
    std::vector<UniqueFd> datagram_sockets_;
    std::unordered_map<int, std::string> connections_;  ///< descriptor → answer not taken yet
    bool paused_ = false;                               ///< out of descriptors: accept after the next close
    std::array<char, 65536> buffer_;

    std::atomic<bool> stop_ = false;
    std::atomic<bool> stop_listening_ = false;
    std::atomic<bool> listening_ = true;
    std::atomic<std::uint64_t> datagrams_ = 0;
    std::atomic<std::uint64_t> bytes_ = 0;
    std::atomic<std::uint64_t> accepted_ = 0;
    std::atomic<std::uint64_t> open_ = 0;
    std::thread thread_;
};

}  // namespace reseat::lab
