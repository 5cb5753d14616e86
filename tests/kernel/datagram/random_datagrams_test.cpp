// SPDX-License-Identifier: Apache-2.0
// One UDP socket does at random what applications do, and a model says whose name each answer carries and
// which backend it comes from.
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

using namespace reseat;
using namespace reseat::test;

namespace {

const std::vector<std::string> kHosts{"a", "b", "c", "d"};
constexpr int kSteps = 300;

/// Which hosts serve which services; some are shared, some have none beside them.
std::vector<std::vector<std::string>> random_services(std::mt19937& random) {
    std::vector<std::vector<std::string>> services(1 + random() % 8);
    for (auto& hosts : services) {
        hosts = kHosts;
        std::ranges::shuffle(hosts, random);
        hosts.resize(1 + random() % kHosts.size());
    }
    return services;
}

/// What the application dialled, and what it may expect of it.
class Model {
public:
    explicit Model(std::vector<std::vector<std::string>> services) : services_(std::move(services)) {}

    unsigned services() const { return static_cast<unsigned>(services_.size()); }
    const std::vector<std::string>& hosts(unsigned service) const { return services_[service - 1]; }
    bool is_up(const std::string& host) const { return !down_.contains(host); }
    void take(const std::string& host) { down_.insert(host); }
    void give(const std::string& host) {
        down_.erase(host);
        std::erase_if(used_, [&](const auto& use) { return use.second == host; });  // another life
    }

    /// Those that may get the next datagram to this service; empty: it is refused.
    std::set<std::string> candidates(unsigned service) const {
        if (const auto use = used_.find(service); use != used_.end() && is_up(use->second))
            return {use->second};
        std::set<std::string> up, free;
        for (const auto& host : hosts(service))
            if (is_up(host)) up.insert(host);
        for (const auto& host : up)
            if (std::ranges::none_of(
                    used_, [&](const auto& use) { return use.first != service && use.second == host; }))
                free.insert(host);
        return free.empty() ? up : free;
    }

    void sent(unsigned service, const std::string& host) { used_[service] = host; }

private:
    std::vector<std::vector<std::string>> services_;
    std::set<std::string> down_;
    std::map<unsigned, std::string> used_;  ///< where datagrams to a service went last
};

class Run {
public:
    Run(Balanced& net, const Kind& kind, Model& model, std::mt19937& random)
        : net_(net), kind_(kind), model_(model), random_(random), client_(net.client(kind)) {}

    void step() {
        // Linux 6.18 delivers nothing any more to an IPv6 socket that was unconnected, balanced or not.
        const unsigned connects = kind_.address == Family::v6 ? 2 : 0;
        switch (connects + random_() % (8 - connects)) {
            case 0:
                return connect_to_service();
            case 1:
                return connect_directly();
            case 2:
                return end_or_begin();
            case 3:
            case 4:
                return send_directly();
            default:
                return send_to_service();
        }
    }

private:
    Where vip(unsigned service) const { return vip_of(kind_.address, service); }
    unsigned any_service() { return 1 + static_cast<unsigned>(random_() % model_.services()); }
    const std::string& any_host() { return kHosts[random_() % kHosts.size()]; }

    /// The host that answers, by this name.
    std::string answer(const Where& name) {
        const auto received = client_.recv();
        REQUIRE(received.error == 0);
        CHECK(received.from == name);
        return received.text.substr(0, received.text.find(':'));
    }

    void send_to_service() {
        const unsigned service = any_service();
        const auto candidates = model_.candidates(service);
        INFO("sendto(service " << service << ")");
        if (candidates.empty()) {
            CHECK(client_.send_to(vip(service), "hello") == ECONNREFUSED);
            return;
        }
        REQUIRE(client_.send_to(vip(service), "hello") == 0);
        const auto host = answer(vip(service));
        CHECK(candidates.contains(host));
        model_.sent(service, host);
    }

    void send_directly() {
        const auto& host = any_host();
        INFO("sendto(" << host << ")");
        REQUIRE(client_.send_to(net_.endpoint(kind_, host), "hello") == 0);
        CHECK(answer(net_.endpoint(kind_, host)) == host);
    }

    void connect_to_service() {
        const unsigned service = any_service();
        INFO("connect(service " << service << ")");
        const auto& hosts = model_.hosts(service);
        const bool served = std::ranges::any_of(hosts, [&](const auto& host) { return model_.is_up(host); });
        const int error = client_.connect(vip(service));
        REQUIRE(error == (served ? 0 : ECONNREFUSED));
        if (error) return;
        CHECK(client_.peer() == vip(service));
        REQUIRE(client_.send("hello") == 0);
        CHECK(model_.is_up(answer(vip(service))));
        REQUIRE(client_.disconnect() == 0);
    }

    void connect_directly() {
        const auto& host = any_host();
        INFO("connect(" << host << ")");
        REQUIRE(client_.connect(net_.endpoint(kind_, host)) == 0);
        CHECK(client_.peer() == net_.endpoint(kind_, host));
        REQUIRE(client_.send("hello") == 0);
        CHECK(answer(net_.endpoint(kind_, host)) == host);
        REQUIRE(client_.disconnect() == 0);
    }

    void end_or_begin() {
        const auto& host = any_host();
        const auto endpoint = net_.endpoint(kind_, host);
        if (model_.is_up(host)) {
            net_.plane.condemn(endpoint);
            model_.take(host);
        } else {
            net_.plane.bring_back(endpoint);
            model_.give(host);
        }
    }

    Balanced& net_;
    const Kind& kind_;
    Model& model_;
    std::mt19937& random_;
    Client client_;
};

std::vector<unsigned> seeds() {
    if (const char* one = std::getenv("RESEAT_SEED")) return {static_cast<unsigned>(std::atoi(one))};
    return {1, 2, 3, 4, 5, 6};
}

}  // namespace

TEST_CASE("a socket that dials at random gets each answer by the name dialled last, from its backend [E74]",
          "[kernel][history]") {
    const unsigned seed = GENERATE(from_range(seeds()));
    std::mt19937 random(seed);
    const auto services = random_services(random);
    Balanced net("random", kHosts, services);
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO("RESEAT_SEED=" << seed << ", " << kind);
        for (const auto& host : kHosts) net.plane.bring_back(net.endpoint(kind, host));
        Model model(services);
        Run run(net, kind, model, random);
        for (int i = 0; i < kSteps; ++i) {
            INFO("step " << i);
            run.step();
        }
    }
    CHECK(net.open_in_all() == 0);
}
