// SPDX-License-Identifier: Apache-2.0
// Connections that break before the first byte of an answer have a row of their own.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

const std::string kService = "10.96.0.1:80/tcp";

/// Accepts on a port of its own of host a, and does with connections what a test wants.
class Server {
public:
    explicit Server(Sandbox& box) : machine_(box.host("a").machine()) {
        machine_.net().run([&] {
            fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            SocketAddress any(Endpoint{machine_.address(), 0}, AF_INET);
            if (!fd_ || ::bind(fd_.get(), any.get(), any.length) != 0 || ::listen(fd_.get(), 16) != 0)
                throw std::system_error(errno, std::generic_category(), "a listener");
            SocketAddress bound;
            ::getsockname(fd_.get(), bound.get(), &bound.length);
            where_ = bound.endpoint();
            return 0;
        });
    }
    const Endpoint& where() const { return where_; }
    /// Reads a request, answers with `text`, and closes in order.
    void close_after_request(std::string_view text = "") {
        UniqueFd peer = accept();
        std::array<char, 64> request;
        REQUIRE(::recv(peer.get(), request.data(), request.size(), 0) > 0);
        if (!text.empty()) REQUIRE(::send(peer.get(), text.data(), text.size(), 0) > 0);
    }
    UniqueFd accept() { return UniqueFd(::accept(fd_.get(), nullptr, nullptr)); }
    /// Sends `text`, then RST.
    void answer_and_reset(std::string_view text) {
        UniqueFd peer = accept();
        if (!text.empty()) (void)!::send(peer.get(), text.data(), text.size(), 0);
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }

private:
    lab::Host& machine_;
    UniqueFd fd_;
    Endpoint where_;
};

/// As Stage, with a Server as the backend.
struct ServedStage {
    explicit ServedStage(const std::string& name)
        : box(name, {"a"}), server(box), plane(box, {service(kVip, {server.where()})}) {}

    lb::ConnectOutcomes outcomes() {
        return plane.kernel().connect_outcomes(plane.life(kService, server.where()));
    }
    Client connected() {
        Client client = box.client();
        REQUIRE(client.connect(kVip) == 0);
        return client;
    }
    /// One that sends a request and has no byte of an answer when its peer closes.
    Client unanswered() {
        Client client = connected();
        REQUIRE(client.send("request") == 0);
        server.close_after_request();
        REQUIRE(client.recv().text == "");
        return client;
    }
    void reset_one() {
        Client client = connected();
        server.answer_and_reset("");
        REQUIRE(client.recv_error() == ECONNRESET);
    }

    Sandbox box;
    Server server;
    TestPlane plane;
};

}  // namespace

TEST_CASE("a reset before the first byte is counted, however the handshake went [E44]", "[kernel][outcome]") {
    ServedStage stage("resets");
    stage.reset_one();
    stage.reset_one();
    CHECK(stage.outcomes().resets == 2);
    CHECK(stage.outcomes().resets_in_a_row == 2);
    CHECK(stage.outcomes().failures == 0);

    SECTION("a reset after an answer is none, and ends the row") {
        Client client = stage.connected();
        UniqueFd peer = stage.server.accept();
        REQUIRE(::send(peer.get(), "x", 1, 0) == 1);
        CHECK(client.recv().text == "x");
        const linger now{.l_onoff = 1, .l_linger = 0};
        REQUIRE(::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
        peer.reset();
        CHECK(client.recv_error() == ECONNRESET);
        CHECK(stage.outcomes().resets == 2);
        CHECK(stage.outcomes().resets_in_a_row == 0);
    }
    SECTION("a connection with an answer ends the row when the application closes it") {
        Client client = stage.connected();
        const UniqueFd peer = stage.server.accept();
        REQUIRE(::send(peer.get(), "x", 1, 0) == 1);
        CHECK(client.recv().text == "x");
        CHECK(stage.outcomes().resets_in_a_row == 2);
        client.close();
        CHECK(stage.outcomes().resets_in_a_row == 0);
    }
    SECTION("... and when its peer does") {
        Client client = stage.connected();
        UniqueFd peer = stage.server.accept();
        REQUIRE(::send(peer.get(), "x", 1, 0) == 1);
        peer.reset();
        CHECK(client.recv().text == "x");
        CHECK(client.recv().text == "");
        client.close();
        CHECK(stage.outcomes().resets_in_a_row == 0);
    }
    SECTION("one that sent nothing and is closed in order says nothing") {
        Client client = stage.connected();
        stage.server.accept().reset();
        CHECK(client.recv().text == "");
        client.close();
        CHECK(stage.outcomes().resets == 2);
        CHECK(stage.outcomes().resets_in_a_row == 2);
    }
    SECTION("closed, and reset when the request comes, counts") {
        Client client = stage.connected();
        stage.server.accept().reset();
        CHECK(client.recv().text == "");
        CHECK(client.send("request") == 0);
        CHECK(wait_until([&] { return client.send("more") == EPIPE; }));
        CHECK(stage.outcomes().resets == 3);
    }
}

TEST_CASE("a request that its peer closes upon without a byte is counted once [E44]", "[kernel][outcome]") {
    ServedStage stage("unanswered");
    Client client = stage.unanswered();
    CHECK(stage.outcomes().unanswered == 1);
    CHECK_FALSE(stage.outcomes().answered);
    CHECK(stage.plane.pump_until([&] { return !stage.plane.failing().empty(); }));

    SECTION("also where it goes on sending and is reset") {
        CHECK(client.send("more") == 0);
        CHECK(wait_until([&] { return client.send("more") == EPIPE; }));
        client.close();
        CHECK(stage.outcomes().unanswered == 1);
        CHECK(stage.outcomes().resets == 0);
    }
    SECTION("an answer ends the row, and tells that requests get answers here") {
        stage.unanswered().close();
        CHECK(stage.outcomes().unanswered_in_a_row == 2);
        Client other = stage.connected();
        REQUIRE(other.send("request") == 0);
        stage.server.close_after_request("x");
        CHECK(other.recv().text == "x");
        other.close();
        CHECK(stage.outcomes().unanswered == 2);
        CHECK(stage.outcomes().unanswered_in_a_row == 0);
        CHECK(stage.outcomes().answered);
    }
    SECTION("a socket that connects again is judged again") {
        REQUIRE(client.disconnect() == 0);
        REQUIRE(client.connect(kVip) == 0);
        stage.server.answer_and_reset("");
        REQUIRE(client.recv_error() == ECONNRESET);
        CHECK(stage.outcomes().resets == 1);
    }
}

TEST_CASE("a client that closes or shuts down first was not left without an answer [E44]",
          "[kernel][outcome]") {
    ServedStage stage("first");
    Client client = stage.connected();
    REQUIRE(client.send("a line of a log") == 0);
    SECTION("closed") {
        client.close();
        stage.server.close_after_request();
    }
    SECTION("shut down") {
        REQUIRE(::shutdown(client.fd(), SHUT_WR) == 0);
        stage.server.close_after_request();
        CHECK(client.recv().text == "");
        client.close();
    }
    const auto outcomes = stage.outcomes();
    CHECK(outcomes.unanswered == 0);
    CHECK(outcomes.resets == 0);
}
