// SPDX-License-Identifier: Apache-2.0
#include "lb/rule_set.hpp"

#include "tests/support/catch.hpp"

#include <bit>
#include <random>

namespace reseat::lb {
namespace {

Cidr cidr(std::string_view address, unsigned bits) {
    return {parse_address(address).value(), bits};
}

AccessPolicy policy(PolicyAction action, std::vector<Destination> to) {
    return {"p", action, std::move(to), ExistingSockets::terminate};
}

/// What the tables of a rule set say, looked up as the data path does.
std::optional<std::size_t> verdict(const RuleSet& set, const Endpoint& to, Protocol protocol) {
    const RuleSet::Network* longest = nullptr;
    for (const auto& network : set.networks) {
        const bool holds = network.cidr.bits == 0 || network.cidr.contains(to.address);
        if (holds && (!longest || longest->cidr.bits < network.cidr.bits)) longest = &network;
    }
    if (!longest) return std::nullopt;
    const RuleSet::PortSpan* last = nullptr;
    for (const auto& span : set.ports[static_cast<std::size_t>(protocol)])
        if (span.first <= to.port) last = &span;
    for (std::size_t word = 0; word < longest->rules.size(); ++word)
        if (const auto both = longest->rules[word] & last->rules[word])
            return set.verdicts[word * 64 + static_cast<std::size_t>(std::countr_zero(both))];
    return std::nullopt;
}

TEST_CASE("a rule set decides as denied_by does, for random policies and endpoints", "[policy]") {
    std::mt19937 random(20261122);
    const auto upto = [&](unsigned most) { return std::uniform_int_distribution<unsigned>(0, most)(random); };
    const auto address = [&] {
        if (upto(2) == 0) {
            Address v6 = parse_address("fd00::").value();
            v6.bytes[15] = static_cast<std::uint8_t>(upto(3));
            v6.bytes[14] = static_cast<std::uint8_t>(upto(1) * 128);
            return upto(9) == 0 ? Address{} : v6;
        }
        return Address::v4(
            {10, 0, static_cast<std::uint8_t>(upto(1) * 128), static_cast<std::uint8_t>(upto(3))});
    };
    const auto network = [&](unsigned least, Address at) {
        const unsigned bits = least + upto(128 - least);
        for (unsigned bit = bits; bit < 128; ++bit)
            at.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
        return Cidr{at, bits};
    };
    const auto port = [&] { return static_cast<std::uint16_t>(upto(1) ? 1 + upto(6) : 65530 + upto(5)); };
    std::size_t denied = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<AccessPolicy> policies;
        for (unsigned i = 0, count = 1 + upto(5); i < count; ++i) {
            policies.push_back(policy(upto(2) ? PolicyAction::deny : PolicyAction::allow, {}));
            for (unsigned j = 0, size = 1 + upto(20); j < size; ++j) {
                Destination to;
                const Address at = address();
                to.cidr = network(at.family() == Family::v4 ? 96 : 0, at);
                for (unsigned k = upto(2); k > 0; --k) to.except.push_back(network(to.cidr.bits, at));
                if (upto(1)) to.protocol = upto(1) ? Protocol::tcp : Protocol::udp;
                for (unsigned k = upto(2); k > 0; --k) {
                    const auto [first, last] = std::minmax({port(), port()});
                    to.ports.push_back({first, last});
                }
                policies.back().to.push_back(std::move(to));
            }
        }
        const auto set = make_rule_set(policies);
        REQUIRE(set.has_value());
        for (int i = 0; i < 100; ++i) {
            const Endpoint to{address(), port()};
            const auto protocol = upto(1) ? Protocol::tcp : Protocol::udp;
            const Endpoint judged{judged_as(to.address), to.port};
            const auto found = verdict(*set, judged, protocol);
            const AccessPolicy* expected = denied_by(policies, to, protocol);
            CAPTURE(round, to_string(to), to_string(protocol));
            REQUIRE((found ? &policies[*found] : nullptr) == expected);
            denied += expected != nullptr;
        }
    }
    CHECK(denied > 1000);
}

TEST_CASE("::/0 does not contain IPv4, and who dials nobody means the loopback address", "[policy]") {
    const std::vector<AccessPolicy> v6 = {policy(PolicyAction::deny, {{cidr("::", 0), {}, {}, {}}})};
    const auto to = [](std::string_view text) { return parse_endpoint(text).value(); };
    CHECK(denied_by(v6, to("[fd00::1]:80"), Protocol::tcp) == &v6[0]);
    CHECK(denied_by(v6, to("[::]:80"), Protocol::tcp) == &v6[0]);
    CHECK_FALSE(denied_by(v6, to("10.0.0.1:80"), Protocol::tcp));
    CHECK_FALSE(denied_by(v6, to("[::ffff:10.0.0.1]:80"), Protocol::tcp));
    const std::vector<AccessPolicy> local = {
        policy(PolicyAction::deny, {{cidr("127.0.0.0", 104), {}, {}, {}}})};
    CHECK(denied_by(local, to("0.0.0.0:80"), Protocol::udp) == &local[0]);
    CHECK_FALSE(denied_by(local, to("[::]:80"), Protocol::udp));
}

TEST_CASE("what has no ports is judged by destinations that name none and no protocol [E69]", "[policy]") {
    const Cidr all = cidr("0.0.0.0", 96);
    const std::vector<AccessPolicy> policies = {
        policy(PolicyAction::allow, {{all, {}, Protocol::udp, {}}, {all, {}, {}, {{1, 65535}}}}),
        policy(PolicyAction::deny, {{all, {cidr("10.0.0.0", 104)}, {}, {}}})};
    CHECK(denied_by(policies, parse_address("192.0.2.1").value()) == &policies[1]);
    CHECK_FALSE(denied_by(policies, parse_address("10.0.0.1").value()));
}

TEST_CASE("more policies than there is room for make no rule set", "[policy]") {
    const Destination one{cidr("10.0.0.0", 104), {}, {}, {}};
    std::vector<AccessPolicy> policies = {policy(PolicyAction::deny, std::vector(kMaxDestinations, one))};
    CHECK(make_rule_set(policies).has_value());
    policies[0].to.push_back(one);
    CHECK_FALSE(make_rule_set(policies).has_value());
    policies[0].to = {one};
    policies[0].to[0].ports.assign(kMaxPortRanges + 1, {1, 2});
    CHECK_FALSE(make_rule_set(policies).has_value());
    CHECK(make_rule_set({})->networks.empty());
}

}  // namespace
}  // namespace reseat::lb
