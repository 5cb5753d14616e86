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

/// Of one server. Its sessions share it, and may outlive the server by some turns of the loop.
struct Connections {
    struct Session {
        std::shared_ptr<Stage> stage;
        Spawned task;
    };
    std::map<std::uint64_t, Session> sessions;  ///< the oldest first
    std::vector<std::uint64_t> finished;
    std::uint64_t next_id = 0;

    void forget_finished() {
        for (const auto id : std::exchange(finished, {})) sessions.erase(id);
    }
    bool is_full() {
        forget_finished();
        return sessions.size() >= kMaxConnections;
    }
    /// Sends one away that has asked for nothing yet.
    bool make_room() {
        const auto waits = [](const auto& one) { return *one.second.stage == Stage::waiting; };
        const auto idle = std::ranges::find_if(sessions, waits);
        if (idle == sessions.end()) return false;
        sessions.erase(idle);
        return true;
    }
    bool may_follow() {
        forget_finished();
        const auto follows = [](const auto& one) { return *one.second.stage == Stage::following; };
        return std::ranges::count_if(sessions, follows) < kMaxFollowers;
    }
};

/// Tells its end, however it ends.
Task<void> run_session(std::uint64_t id, std::shared_ptr<Connections> connections, Connection connection,
                       std::shared_ptr<Stage> stage) {
    const auto leave = [id](Connections* of) { of->finished.push_back(id); };
    const std::unique_ptr<Connections, decltype(leave)> at_end(connections.get(), leave);
    co_await serve(std::move(connection), std::move(stage));
}

void admit(const std::shared_ptr<Connections>& connections, ListenerKind door, Listener::Socket socket,
           const AdminView& view) {
    const auto id = connections->next_id++;
    auto executor = socket.get_executor();
    auto stage = std::make_shared<Stage>(Stage::waiting);
    Connection connection{std::move(socket), door, view, [connections] { return connections->may_follow(); }};
    auto task =
        spawn(executor, "admin connection", run_session(id, connections, std::move(connection), stage),
              [](const std::string& failure) { spdlog::warn("{}", failure); });
    connections->sessions.emplace(id, Connections::Session{std::move(stage), std::move(task)});
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
    const auto connections = std::make_shared<Connections>();
    const auto close = [](Connections* of) { of->sessions.clear(); };
    const std::unique_ptr<Connections, decltype(close)> at_end(connections.get(), close);
    while (true) {
        auto socket = co_await next(*listener);
        if (!socket) continue;
        while (connections->is_full() && !connections->make_room()) co_await sleep_for(kPause);
        admit(connections, listener->door(), std::move(*socket), view);
    }
}

}  // namespace reseat::proxy
