// SPDX-License-Identifier: Apache-2.0
#include "lab/lab.hpp"

#include "lab/route_socket.hpp"

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace reseat::lab {
namespace {

constexpr auto kBridge = "lan";
constexpr auto kNic = "eth0";
constexpr unsigned kClientStation = 1;
constexpr unsigned kFirstHostStation = 11;

/// A station's number is the last part of all its addresses, as one reads them: 10.99.0.11, fd99::11.
Address address_of(unsigned station, Family family) {
    const std::string prefix = family == Family::v4 ? "10.99.0." : "fd99::";
    return parse_address(prefix + std::to_string(station)).value();
}

Mac mac_of(unsigned station) {
    return {0x02, 0x63, 0, 0, 0, static_cast<std::uint8_t>(station)};
}

unsigned prefix_of(Family family) {
    return family == Family::v4 ? 24 : 64;
}

/// The kernel handles a carrier in a work queue of its own; until then a bridge port drops packets.
void wait_until_running(const std::string& device) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!is_running(device)) {
        if (std::chrono::steady_clock::now() > deadline)
            throw std::system_error(ETIMEDOUT, std::generic_category(), "wait for the carrier of " + device);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
}

}  // namespace

Host::Host(std::string name, unsigned number, const NetNamespace& client)
    : name_(std::move(name)), number_(number), client_(client) {
    if (number_ > 200) throw std::out_of_range("a laboratory has at most 200 machines");
    plug_in();
    configure();
}

std::string Host::port() const {
    return "port" + std::to_string(kFirstHostStation + number_);
}

Address Host::address(Family family) const {
    return address_of(kFirstHostStation + number_, family);
}

void Host::plug_in() const {
    const unsigned station = kFirstHostStation + number_;
    const auto inside = client_.enter();
    RouteSocket route;
    route.add_veth(port(), kNic, mac_of(station), net_);
    route.set_master(port(), kBridge);
    route.set_up(port(), true);
    for (const auto family : {Family::v4, Family::v6})
        route.add_neighbour(kBridge, address(family), mac_of(station));
}

void Host::configure() const {
    {
        const auto inside = net_.enter();
        RouteSocket route;
        route.set_up("lo", true);
        route.set_up(kNic, true);
        for (const auto family : {Family::v4, Family::v6}) {
            route.add_address(kNic, address(family), prefix_of(family));
            route.add_neighbour(kNic, address_of(kClientStation, family), mac_of(kClientStation));
        }
        wait_until_running(kNic);
    }
    const auto inside = client_.enter();
    wait_until_running(port());
    wait_until_running(kBridge);  // it loses its carrier with its last machine
}

void Host::vanish() {
    const auto inside = net_.enter();
    RouteSocket().set_up(kNic, false);
}

void Host::reappear() {
    configure();  // the kernel dropped IPv6 addresses and neighbours with the link
}

Lab::Lab(const std::vector<std::string>& host_names) {
    {
        const auto inside = client_.enter();
        RouteSocket route;
        route.set_up("lo", true);
        route.add_bridge(kBridge, mac_of(kClientStation));
        route.set_up(kBridge, true);
        for (const auto family : {Family::v4, Family::v6})
            route.add_address(kBridge, client_address(family), prefix_of(family));
    }
    for (const auto& name : host_names)
        hosts_.emplace_back(name, static_cast<unsigned>(hosts_.size()), client_);
}

Address Lab::client_address(Family family) const {
    return address_of(kClientStation, family);
}

Host& Lab::host(const std::string& name) {
    for (auto& host : hosts_)
        if (host.name() == name) return host;
    throw std::out_of_range("the laboratory has no machine called " + name);
}

}  // namespace reseat::lab
