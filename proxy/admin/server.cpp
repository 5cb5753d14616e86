// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/server.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxConnections = 64;
constexpr std::ptrdiff_t kMaxFollowers = 16;
constexpr auto kPause = 50ms;  ///< before another look when full, or out of descriptors

/// Tells its end, however it ends.
lb::Task<void> serve_and_finish(std::uint64_t id, std::shared_ptr<std::vector<std::uint64_t>> finished,
                                Connection connection, std::shared_ptr<Stage> stage) {
    const auto finish = [id](std::vector<std::uint64_t>* list) { list->push_back(id); };
    const std::unique_ptr<std::vector<std::uint64_t>, decltype(finish)> at_end(finished.get(), finish);
    co_await serve(std::move(connection), std::move(stage));
}

}  // namespace

AdminServer::AdminServer(std::unique_ptr<Listener> listener, const AdminView& view)
    : listener_(std::move(listener)), view_(view) {}

lb::Task<void> AdminServer::run() {
    const std::unique_ptr<AdminServer, void (*)(AdminServer*)> at_end(
        this, [](AdminServer* server) { server->guests_.clear(); });
    while (true) {
        std::optional<Listener::Socket> socket;
        std::string failure;
        try {
            socket = co_await listener_->accept();
        } catch (const boost::system::system_error& error) {
            if (error.code() == lb::asio::error::operation_aborted) throw;
            failure = error.what();
        }
        if (!socket) {
            spdlog::warn("admin interface: {}", failure);
            co_await lb::sleep_for(kPause);
            continue;
        }
        forget_finished();
        while (guests_.size() >= kMaxConnections && !make_room()) {
            co_await lb::sleep_for(kPause);
            forget_finished();
        }
        start(std::move(*socket));
    }
}

void AdminServer::start(Listener::Socket socket) {
    const auto id = next_id_++;
    auto executor = socket.get_executor();
    auto stage = std::make_shared<Stage>(Stage::waiting);
    Connection connection{std::move(socket), listener_->door(), view_, [this] { return may_follow(); }};
    auto task =
        lb::spawn(executor, "admin connection", serve_and_finish(id, finished_, std::move(connection), stage),
                  [](const std::string& failure) { spdlog::warn("{}", failure); });
    guests_.emplace(id, Guest{std::move(stage), std::move(task)});
}

bool AdminServer::make_room() {
    const auto idle =
        std::ranges::find_if(guests_, [](const auto& one) { return *one.second.stage == Stage::waiting; });
    if (idle == guests_.end()) return false;
    guests_.erase(idle);
    return true;
}

bool AdminServer::may_follow() const {
    const auto follows = [](const auto& one) { return *one.second.stage == Stage::following; };
    return std::ranges::count_if(guests_, follows) < kMaxFollowers;
}

void AdminServer::forget_finished() {
    for (const auto id : *finished_) guests_.erase(id);
    finished_->clear();
}

}  // namespace reseat::proxy
