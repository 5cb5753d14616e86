// SPDX-License-Identifier: Apache-2.0
// Real races: connects, closes and re-connects against condemnation, sweeps and re-pointing.
#include "tests/kernel/support/engine_cases.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

/// What workload processes and the test tell each other, in memory that they share.
struct Board {
    std::atomic<bool> stop;
    std::atomic<unsigned> connects;
    std::atomic<unsigned> aborted;     ///< sockets that were ended
    std::atomic<unsigned> wrong;       ///< ended though their backend was never condemned
    std::atomic<unsigned> on_dead;     ///< reconnected after an end, and landed on the same dead backend
    std::atomic<unsigned> unexpected;  ///< errors that nobody should see
    std::atomic<int> last_error;
    int end = ECONNABORTED;  ///< what a socket is told that was ended
};

class SharedBoard {
public:
    SharedBoard()
        : board_(static_cast<Board*>(
              ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        if (board_ == MAP_FAILED) throw std::bad_alloc();
        new (board_) Board{};
    }
    SharedBoard(const SharedBoard&) = delete;
    ~SharedBoard() { ::munmap(board_, sizeof(Board)); }
    Board* operator->() const { return board_; }
    Board& operator*() const { return *board_; }

private:
    Board* board_;
};

Client new_socket(Protocol protocol) {
    return Client(UniqueFd(::socket(AF_INET, protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM, 0)));
}

void close_at_once(Client& client) {
    const linger at_once{1, 0};  // no TIME_WAIT: ports would run out
    ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    client.close();
}

void note_unexpected(Board& board, int error) {
    ++board.unexpected;
    board.last_error = error;
}

struct Slot {
    Client client = new_socket(Protocol::tcp);
    std::optional<Endpoint> backend;
    bool open = false;
};

/// A backend's end has been seen on one socket: reconnects within microseconds.
void reconnect(Slot& slot, Board& board) {
    ++board.aborted;
    const auto dead = slot.backend;
    slot.client = new_socket(Protocol::tcp);
    slot.open = false;
    const int error = slot.client.connect(kVip);
    if (error == board.end) return void(++board.aborted);  // its backend came back and ended again
    if (error != 0) return note_unexpected(board, error);
    slot.open = true;
    slot.backend = slot.client.actual_peer();
    if (slot.backend == dead) ++board.on_dead;
}

/// Opens and closes connections, many at a time, until told to stop; never to `safe` may one be ended.
int churn(Board& board, const Endpoint& safe) {
    std::vector<Slot> slots(100);
    for (std::size_t turn = 0; !board.stop; ++turn) {
        Slot& slot = slots[turn % slots.size()];
        if (slot.open) {
            const int error = slot.client.pending_error();
            if (error == board.end && slot.backend == safe) ++board.wrong;
            if (error == board.end) {
                reconnect(slot, board);
                continue;
            }
            if (error != 0) note_unexpected(board, error);
            close_at_once(slot.client);
        }
        slot.client = new_socket(Protocol::tcp);
        const int error = slot.client.connect(kVip);
        slot.open = error == 0;
        // Ended between its SYN and its connect(): that is an end too.
        if (error == board.end)
            ++board.aborted;
        else if (error != 0)
            note_unexpected(board, error);
        if (slot.open) slot.backend = slot.client.actual_peer();
        ++board.connects;
    }
    for (auto& slot : slots)
        if (slot.open) close_at_once(slot.client);
    return 0;
}

/// Orders for lives that connects reached meanwhile, as the controller gives them.
void settle_raced(TestPlane& plane, std::size_t& heard) {
    for (; heard < plane.raced().size(); ++heard) plane.reseat(plane.raced()[heard]);
}

/// Connects and closes race `rounds` ends of a backend, with so many connects before and after each.
void race_condemnation(Sandbox& box, TestPlane& plane, Board& board, int rounds, unsigned connects) {
    auto& a = box.host("a");
    auto& b = box.host("b");
    std::vector<Process> workload;
    for (int i = 0; i < 3; ++i) workload.push_back(box.spawn([&] { return churn(board, b.endpoint()); }));
    std::size_t heard = 0;
    unsigned ended = 0;
    // On a busy machine all clients may be at the other backend each time one ends: then some more rounds.
    for (int round = 0; round < rounds || (board.aborted == 0 && round < 20 * rounds); ++round) {
        const unsigned before = board.connects;
        REQUIRE(wait_until([&] { return board.connects > before + connects; }, 10s));
        const auto lives = plane.take_out(a.endpoint());
        REQUIRE(lives.size() == 1);
        ended += plane.reseat(lives[0]).terminated;
        // A connect that had chosen before the table changed is over within a moment ...
        const auto none_left = [&] {
            settle_raced(plane, heard);
            return sockets_to(a.endpoint(), Protocol::tcp) == 0;
        };
        REQUIRE(plane.pump_until(none_left, 10s));
        const auto count = plane.kernel().connects_total(lives[0]);
        const unsigned then = board.connects;
        REQUIRE(wait_until([&] { return board.connects > then + connects; }, 10s));
        CHECK(plane.kernel().connects_total(lives[0]) == count);  // ... and then none lands there
        CHECK(sockets_to(a.endpoint(), Protocol::tcp) == 0);
        plane.bring_back(a.endpoint());
    }
    board.stop = true;
    for (auto& process : workload) CHECK(process.wait() == 0);
    CHECK(ended > 0);
    CHECK(board.aborted > 0);
    CHECK(board.wrong == 0);
    INFO("last unexpected error: " << std::strerror(board.last_error));
    CHECK(board.unexpected == 0);
}

}  // namespace

TEST_CASE(
    "connects race condemnation: none stays on the dead life, none lands there later, none is ended "
    "wrongly [E28][E29]",
    "[kernel][race]") {
    Sandbox box("race");
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})});
    const SharedBoard board;
    race_condemnation(box, plane, *board, 30, 100);
}

TEST_CASE("connects race condemnation through each engine by itself [E28][E29]", "[kernel][race][engines]") {
    const auto engine = GENERATE(from_range(kEngines));
    INFO(to_string(engine));
    Sandbox box("race-engine");
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})},
                    {.only_engine = engine});
    const SharedBoard board;
    if (engine == bpf::Engine::descriptor) board->end = ECONNRESET;
    race_condemnation(box, plane, *board, 4, 30);
}

TEST_CASE("who reconnects within microseconds lands on a live backend: the table comes first [E29]",
          "[kernel][race]") {
    Sandbox box("at-once");
    auto& a = box.host("a");
    lb::Service spec = service(kVip, {a.endpoint(), box.host("b").endpoint()});
    spec.lb_policy = lb::LbPolicy::random;  // in turns it would be the other one's turn
    TestPlane plane(box, {spec});
    const SharedBoard board;
    auto clinging = [&] {
        Slot slot;
        while (slot.backend != a.endpoint()) {
            slot.client = new_socket(Protocol::tcp);
            if (slot.client.connect(kVip) != 0) return 1;
            slot.backend = slot.client.actual_peer();
        }
        slot.open = true;
        ++board->connects;
        while (!board->stop)  // no sleep: the end is seen within microseconds
            if (slot.client.pending_error() == ECONNABORTED) {
                reconnect(slot, *board);
                return 0;
            }
        return 2;
    };
    for (unsigned round = 0; round < 20; ++round) {
        auto client = box.spawn(clinging);
        REQUIRE(wait_until([&] { return board->connects == round + 1; }, 5s));
        CHECK(plane.condemn(a.endpoint()).terminated == 1);
        CHECK(client.wait() == 0);
        plane.bring_back(a.endpoint());
    }
    CHECK(board->aborted == 20);
    CHECK(board->on_dead == 0);
    CHECK(board->unexpected == 0);
}

TEST_CASE("the application's own connect races the re-point: whoever wins, the socket is not lost [E64]",
          "[kernel][race]") {
    Sandbox box("connect-race");
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()})});
    const SharedBoard board;
    constexpr unsigned kSockets = 20;
    auto restless = [&] {
        std::vector<Client> clients;
        for (unsigned i = 0; i < kSockets; ++i) clients.push_back(new_socket(Protocol::udp));
        while (!board->stop)
            for (auto& client : clients) {
                if (const int error = client.connect(kVip)) note_unexpected(*board, error);
                ++board->connects;
            }
        for (auto& client : clients) {
            if (client.peer() != kVip) ++board->wrong;  // ownership is lost: it names its backend
            if (!client.echoes("hello")) ++board->on_dead;
        }
        return 0;
    };
    auto application = box.spawn(restless);
    for (int round = 0; round < 60; ++round) {
        const unsigned before = board->connects;
        REQUIRE(wait_until([&] { return board->connects > before + 2 * kSockets; }, 10s));
        const auto& loser = round % 2 ? a : b;
        const auto lives = plane.take_out(loser.endpoint());
        for (const auto life : lives) CHECK(plane.reseat(life).terminated == 0);
        std::size_t heard = 0;
        const auto none_left = [&] {
            settle_raced(plane, heard);
            return sockets_to(loser.endpoint(), Protocol::udp) == 0;
        };
        CHECK(plane.pump_until(none_left, 10s));
        plane.bring_back(loser.endpoint());
    }
    board->stop = true;
    CHECK(application.wait() == 0);
    CHECK(board->wrong == 0);
    CHECK(board->on_dead == 0);
    INFO("last unexpected error: " << std::strerror(board->last_error));
    CHECK(board->unexpected == 0);
    WARN("re-points that came too late: " << stat(plane, "repoint_lost"));
}
