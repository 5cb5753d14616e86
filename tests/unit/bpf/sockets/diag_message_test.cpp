// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/diag_message.hpp"

#include "tests/support/catch.hpp"

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <vector>

#include <linux/inet_diag.h>
#include <linux/mptcp.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

using namespace reseat;
using namespace reseat::bpf;
using Kind = DiagMessage::Kind;

namespace {

using Bytes = std::vector<std::uint8_t>;

template <class T>
void append(Bytes& to, const T& value) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    to.insert(to.end(), bytes, bytes + sizeof(value));
    to.resize(NLMSG_ALIGN(to.size()));
}

Bytes attribute(std::uint16_t type, const Bytes& payload) {
    Bytes bytes;
    append(bytes, nlattr{static_cast<std::uint16_t>(NLA_HDRLEN + payload.size()), type});
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    bytes.resize(NLA_ALIGN(bytes.size()));
    return bytes;
}

Bytes message(std::uint16_t type, const Bytes& payload, std::uint16_t flags = 0) {
    Bytes bytes;
    append(bytes, nlmsghdr{static_cast<std::uint32_t>(NLMSG_LENGTH(payload.size())), type, flags, 7, 0});
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    bytes.resize(NLMSG_ALIGN(bytes.size()));
    return bytes;
}

template <class T>
Bytes bytes_of(const T& value) {
    Bytes bytes;
    append(bytes, value);
    return bytes;
}

inet_diag_msg some_socket() {
    inet_diag_msg socket{};
    socket.idiag_family = AF_INET;
    socket.idiag_state = 1;
    socket.id.idiag_cookie[0] = 5;
    socket.id.idiag_cookie[1] = 6;
    socket.id.idiag_if = 3;
    socket.idiag_inode = 77;
    socket.idiag_wqueue = 9;
    return socket;
}

Bytes mptcp_attribute(std::uint32_t flags) {
    return attribute(INET_DIAG_ULP_INFO,
                     attribute(INET_ULP_INFO_MPTCP, attribute(MPTCP_SUBFLOW_ATTR_FLAGS, bytes_of(flags))));
}

std::vector<DiagMessage> read(const Bytes& bytes, std::uint8_t protocol = IPPROTO_TCP) {
    std::vector<std::uint32_t> aligned((bytes.size() + 3) / 4);
    if (!bytes.empty()) std::memcpy(aligned.data(), bytes.data(), bytes.size());
    std::vector<DiagMessage> messages;
    read_diag_messages({reinterpret_cast<const std::uint8_t*>(aligned.data()), bytes.size()}, protocol,
                       [&](const DiagMessage& message) { messages.push_back(message); });
    return messages;
}

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

}  // namespace

TEST_CASE("a socket of an answer is read with what follows it", "[diag]") {
    tcp_info info{};
    info.tcpi_last_data_sent = 900;
    info.tcpi_last_data_recv = 400;
    const auto messages = read(
        message(SOCK_DIAG_BY_FAMILY, bytes_of(some_socket()) + attribute(INET_DIAG_INFO, bytes_of(info))));
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].kind == Kind::socket);
    CHECK(messages[0].sequence == 7);
    const DiagSocket& socket = messages[0].socket;
    CHECK(socket.tuple.cookie == (6ull << 32 | 5));
    CHECK(socket.tuple.ifindex == 3);
    CHECK(socket.tuple.remote.protocol == IPPROTO_TCP);
    CHECK(socket.inode == 77);
    CHECK(socket.unsent == 9);
    CHECK(socket.idle == std::chrono::milliseconds(400));
    CHECK_FALSE(socket.multipath);
}

TEST_CASE("a Multipath TCP socket counts as one only while its peer speaks it [E46]", "[diag]") {
    for (const auto& [flags, multipath] :
         {std::pair{MPTCP_SUBFLOW_FLAG_MCAP_LOC | MPTCP_SUBFLOW_FLAG_MCAP_REM, true},
          std::pair{MPTCP_SUBFLOW_FLAG_MCAP_LOC, false}, std::pair{MPTCP_SUBFLOW_FLAG_JOIN_REM, true}}) {
        const auto messages =
            read(message(SOCK_DIAG_BY_FAMILY,
                         bytes_of(some_socket()) + mptcp_attribute(static_cast<std::uint32_t>(flags))));
        REQUIRE(messages.size() == 1);
        CHECK(messages[0].socket.multipath == multipath);
    }
}

TEST_CASE("the cgroup that a socket was created in is read, and is none where it is not told", "[diag]") {
    const std::uint64_t id = 0x1234567890;
    const auto told = [](const Bytes& attributes) {
        const auto messages = read(message(SOCK_DIAG_BY_FAMILY, bytes_of(some_socket()) + attributes));
        REQUIRE(messages.size() == 1);
        return messages[0].socket.cgroup;
    };
    CHECK(told(attribute(INET_DIAG_CGROUP_ID, bytes_of(id))) == id);
    CHECK(told(mptcp_attribute(0) + attribute(INET_DIAG_CGROUP_ID, bytes_of(id))) == id);
    CHECK(told(attribute(INET_DIAG_CGROUP_ID, bytes_of(std::uint32_t{7}))) == 0);
    CHECK(told({}) == 0);
}

TEST_CASE("errors, acknowledgements and the end of a dump are told apart [E26]", "[diag]") {
    nlmsgerr refused{}, fine{};
    refused.error = -ENOENT;
    const auto messages =
        read(message(NLMSG_ERROR, bytes_of(refused)) + message(NLMSG_ERROR, bytes_of(fine)) +
             message(NLMSG_DONE, bytes_of(0), NLM_F_DUMP_INTR) + message(NLMSG_DONE, bytes_of(-EBUSY)));
    REQUIRE(messages.size() == 4);
    CHECK(messages[0].kind == Kind::error);
    CHECK(messages[0].error == ENOENT);
    CHECK(messages[1].kind == Kind::error);
    CHECK(messages[1].error == 0);
    CHECK(messages[2].kind == Kind::done);
    CHECK(messages[2].interrupted);
    CHECK(messages[2].error == 0);
    CHECK(messages[3].error == EBUSY);
}

TEST_CASE("foreign messages, and those too short for their type, are none of ours [E26]", "[diag]") {
    const auto messages = read(message(42, {1, 2, 3, 4}) + message(SOCK_DIAG_BY_FAMILY, Bytes(8)) +
                               message(NLMSG_ERROR, Bytes(4)) + message(NLMSG_NOOP, {}));
    REQUIRE(messages.size() == 4);
    for (const auto& message : messages) CHECK(message.kind == Kind::other);
}

TEST_CASE("an answer that is cut off at any byte is read up to there [E26]", "[diag]") {
    const Bytes whole = message(SOCK_DIAG_BY_FAMILY, bytes_of(some_socket())) +
                        message(SOCK_DIAG_BY_FAMILY, bytes_of(some_socket()) + mptcp_attribute(3));
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        const auto messages = read(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
        const std::size_t first = NLMSG_LENGTH(sizeof(inet_diag_msg));
        CHECK(messages.size() == (length < first ? 0u : length < whole.size() ? 1u : 2u));
    }
}

TEST_CASE("attributes that lie about their length hide nothing and are not followed [E26]", "[diag]") {
    for (std::uint16_t length = 0; length < 64; ++length) {
        Bytes lying = mptcp_attribute(MPTCP_SUBFLOW_FLAG_MCAP_REM);
        lying[0] = static_cast<std::uint8_t>(length);
        const auto messages = read(message(SOCK_DIAG_BY_FAMILY, bytes_of(some_socket()) + lying));
        REQUIRE(messages.size() == 1);
        CHECK(messages[0].socket.inode == 77);
    }
}
