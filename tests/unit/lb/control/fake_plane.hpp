// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace reseat::lb::test {

/// Records what it is told. Reports are given in the order of `reports`, then {}.
class FakePlane final : public DataPlane {
public:
    explicit FakePlane(asio::any_io_executor executor) : executor_(std::move(executor)) {}

    LifeId first_unused_life() const override { return 7; }
    Inheritance inheritance() const override { return inherited; }

    Result<void> publish(const Plan& plan) override {
        if (failures_left > 0 || publish_failures_left > 0) {
            --(failures_left > 0 ? failures_left : publish_failures_left);
            refused.push_back(plan);
            return Error{ErrorCode::failed, "lb_tables is full"};
        }
        plans.push_back(plan);
        return {};
    }

    Task<TerminationReport> reseat(ReseatOrder order) override {
        orders.push_back(order);
        if (stuck.contains(order.life)) {
            // As a thread that blocks: a cancellation does not reach it.
            auto gate = std::make_shared<asio::steady_timer>(executor_, std::chrono::hours(1));
            gates[order.life] = gate;
            boost::system::error_code opened;
            co_await gate->async_wait(asio::redirect_error(asio::use_awaitable, opened));
        }
        if (throws) throw std::runtime_error("netlink is gone");
        TerminationReport report;
        if (!reports.empty()) {
            report = reports.front();
            reports.pop_front();
        }
        co_return report;
    }

    std::uint64_t open_sockets(LifeId life) const override {
        const auto found = open.find(life);
        return found == open.end() ? 0 : found->second;
    }
    bool is_idle(LifeId life) const override { return open_sockets(life) == 0 && !uncounted.contains(life); }
    std::uint64_t connects_total(LifeId life) const override {
        const auto found = connects.find(life);
        return found == connects.end() ? 0 : found->second;
    }

    ConnectOutcomes connect_outcomes(LifeId life) const override {
        const auto found = outcomes.find(life);
        return found == outcomes.end() ? ConnectOutcomes{} : found->second;
    }
    void forgive(LifeId life) override {
        outcomes[life].failures_in_a_row = outcomes[life].resets_in_a_row = 0;
    }

    Task<std::deque<SocketInfo>> sockets(std::vector<LifeId> lives) override {
        std::deque<SocketInfo> listed;
        for (const SocketInfo& one : all_sockets)
            if (std::ranges::find(lives, one.life) != lives.end()) listed.push_back(one);
        co_return listed;
    }
    Task<TerminationReport> end_untracked(UntrackedOrder order) override {
        untracked_orders.push_back(std::move(order));
        co_return untracked_report;
    }
    Result<void> set_policies(const std::vector<AccessPolicy>& list) override {
        if (failures_left > 0) {
            --failures_left;
            return Error{ErrorCode::failed, "lb_policies is full"};
        }
        policies = list;
        return {};
    }
    Task<std::vector<std::pair<std::string, TerminationReport>>> enforce_policies() override {
        ++enforcements;
        co_return policy_reports;
    }
    std::vector<std::pair<std::string, std::uint64_t>> policy_denials() const override { return denials; }

    /// Lets the order go on that waits in `reseat`.
    void release(LifeId life) {
        stuck.erase(life);
        gates.at(life)->cancel();
    }

    Inheritance inherited;
    std::vector<SocketInfo> all_sockets;
    std::vector<UntrackedOrder> untracked_orders;
    TerminationReport untracked_report;
    std::vector<AccessPolicy> policies;
    int enforcements = 0;
    std::vector<std::pair<std::string, TerminationReport>> policy_reports;
    std::vector<std::pair<std::string, std::uint64_t>> denials;
    int failures_left = 0;          ///< of anything
    int publish_failures_left = 0;  ///< of publish() only
    bool throws = false;
    std::vector<Plan> plans;
    std::vector<Plan> refused;
    std::vector<ReseatOrder> orders;
    std::deque<TerminationReport> reports;
    std::set<LifeId> stuck;
    std::map<LifeId, std::shared_ptr<asio::steady_timer>> gates;
    std::map<LifeId, std::uint64_t> open;
    std::set<LifeId> uncounted;  ///< lives on which a socket hangs that is not counted as open
    std::map<LifeId, std::uint64_t> connects;
    std::map<LifeId, ConnectOutcomes> outcomes;

private:
    asio::any_io_executor executor_;
};

/// What was logged while this lives, one "level: text" per line.
class LogCapture {
public:
    LogCapture() : before_(spdlog::default_logger()) {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
        sink->set_pattern("%l: %v");
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("capture", sink));
    }
    ~LogCapture() { spdlog::set_default_logger(before_); }
    LogCapture(const LogCapture&) = delete;

    bool has(const std::string& line) const { return text_.str().find(line + "\n") != std::string::npos; }
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_;
};

/// Runs until `condition` holds; false after `limit`.
template <class Condition>
bool run_until(asio::io_context& context, Condition condition,
               std::chrono::milliseconds limit = std::chrono::seconds(5)) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    context.restart();
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
        context.run_one_for(std::chrono::milliseconds(10));
        if (context.stopped()) context.restart();
    }
    return condition();
}

}  // namespace reseat::lb::test
