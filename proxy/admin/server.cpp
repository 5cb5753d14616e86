// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/server.hpp"

#include "proxy/admin/connection.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxConnections = 64;
constexpr std::ptrdiff_t kMaxFollowers = 16;
constexpr auto kPause = 50ms;  ///< before another look when full, or out of descriptors

/// Who is connected. Shared with the connections, which may outlive the server by some turns of the loop.
struct House {
    struct Guest {
        std::shared_ptr<Stage> stage;
        Spawned task;
    };
    std::map<std::uint64_t, Guest> guests;  ///< the oldest first
    std::vector<std::uint64_t> finished;
    std::uint64_t next_id = 0;

    void see_off_the_finished() {
        for (const auto id : std::exchange(finished, {})) guests.erase(id);
    }
    bool is_full() {
        see_off_the_finished();
        return guests.size() >= kMaxConnections;
    }
    /// Sends one away that has asked for nothing yet.
    bool make_room() {
        const auto waits = [](const auto& one) { return *one.second.stage == Stage::waiting; };
        const auto idle = std::ranges::find_if(guests, waits);
        if (idle == guests.end()) return false;
        guests.erase(idle);
        return true;
    }
    bool may_follow() {
        see_off_the_finished();
        const auto follows = [](const auto& one) { return *one.second.stage == Stage::following; };
        return std::ranges::count_if(guests, follows) < kMaxFollowers;
    }
};

/// Tells its end, however it ends.
Task<void> stay(std::uint64_t id, std::shared_ptr<House> house, Connection connection,
                std::shared_ptr<Stage> stage) {
    const auto leave = [id](House* of) { of->finished.push_back(id); };
    const std::unique_ptr<House, decltype(leave)> at_end(house.get(), leave);
    co_await serve(std::move(connection), std::move(stage));
}

void admit(const std::shared_ptr<House>& house, Door door, Listener::Socket socket, const AdminView& view) {
    const auto id = house->next_id++;
    auto executor = socket.get_executor();
    auto stage = std::make_shared<Stage>(Stage::waiting);
    Connection connection{std::move(socket), door, view, [house] { return house->may_follow(); }};
    auto task = spawn(executor, "admin connection", stay(id, house, std::move(connection), stage),
                      [](const std::string& failure) { spdlog::warn("{}", failure); });
    house->guests.emplace(id, House::Guest{std::move(stage), std::move(task)});
}

/// Nothing: it failed, which was told.
Task<std::optional<Listener::Socket>> next(Listener& listener) {
    std::string failure;
    try {
        co_return co_await listener.accept();
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted) throw;
        failure = error.what();
    }
    spdlog::warn("admin interface: {}", failure);
    co_await sleep_for(kPause);
    co_return std::nullopt;
}

}  // namespace

Task<void> serve_admin(std::shared_ptr<Listener> listener, const AdminView& view) {
    const auto house = std::make_shared<House>();
    const auto close = [](House* of) { of->guests.clear(); };
    const std::unique_ptr<House, decltype(close)> at_end(house.get(), close);
    while (true) {
        auto socket = co_await next(*listener);
        if (!socket) continue;
        while (house->is_full() && !house->make_room()) co_await sleep_for(kPause);
        admit(house, listener->door(), std::move(*socket), view);
    }
}

}  // namespace reseat::proxy
