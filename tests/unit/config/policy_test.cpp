// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/config/support.hpp"

namespace reseat::config {
namespace {

const std::string head = "version: 1\nservices: []\npolicies:\n";

Lines faults(const std::string& policy) {
    return faults_of(head + "- " + policy + "\n");
}

/// Of a policy with this one destination, which starts at 4:32.
Lines faults_to(const std::string& destination) {
    return faults("{name: a, action: deny, to: [" + destination + "]}");
}

/// Without the one for the empty list of services.
Lines warnings(const std::string& policies) {
    auto all = warnings_of(head + policies);
    REQUIRE_FALSE(all.empty());
    all.erase(all.begin());
    return all;
}

lb::Cidr cidr(std::string_view address, unsigned bits) {
    return {parse_address(address).value(), bits};
}

TEST_CASE("a policy arrives in the model as it is written", "[config][policy]") {
    const auto policies = load(head +
                               "- {name: dns, action: deny, existing: keep,\n"
                               "   to: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8], protocol: udp, ports: [53, "
                               "8000-8100]},\n"
                               "        {cidr: 'fd00::/8', except: ['fd00:1::/32'], protocol: any}]}\n"
                               "- {name: rest, action: allow, to: [{cidr: 192.0.2.1/32, protocol: tcp}]}\n")
                              .model.policies;
    REQUIRE(policies.size() == 2);
    CHECK(policies[0] ==
          lb::AccessPolicy{
              "dns",
              lb::PolicyAction::deny,
              {{cidr("0.0.0.0", 96), {cidr("10.0.0.0", 104)}, Protocol::udp, {{53, 53}, {8000, 8100}}},
               {cidr("fd00::", 8), {cidr("fd00:1::", 32)}, {}, {}}},
              lb::ExistingSockets::keep});
    CHECK(policies[1] == lb::AccessPolicy{"rest",
                                          lb::PolicyAction::allow,
                                          {{cidr("192.0.2.1", 128), {}, Protocol::tcp, {}}},
                                          lb::ExistingSockets::terminate});
    CHECK(load(head).model.policies.empty());
}

TEST_CASE("each part of a policy is judged where it stands", "[config][policy]") {
    CHECK(faults_to("{cidr: 10.0.0.1/8}") ==
          Lines{"4:39 cidr: '10.0.0.1/8' has bits set beyond its length; write 10.0.0.0/8"});
    CHECK(faults_to("{cidr: 'fd00::1/64'}") ==
          Lines{"4:39 cidr: 'fd00::1/64' has bits set beyond its length; write fd00::/64"});
    for (const std::string wrong : {"10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/", "10.0.0.0/-1"})
        CHECK(faults_to("{cidr: " + wrong + "}") ==
              Lines{"4:39 cidr: expected a range of addresses such as 10.0.0.0/8 or fd00::/8, found '" +
                    wrong + "'"});
    CHECK(faults_to("{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}") ==
          Lines{"4:60 except: '11.0.0.0/16' is not within the 'cidr'"});
    CHECK(faults_to("{cidr: '::/0', except: [10.0.0.0/8]}") ==
          Lines{"4:56 except: '10.0.0.0/8' is not within the 'cidr'"});
    CHECK(faults_to("{cidr: 10.0.0.0/8, ports: [0, 9-8, x]}").size() == 3);
    CHECK(faults_to("{cidr: 10.0.0.0/8, ports: [65536]}") ==
          Lines{"4:59 ports: expected a port from 1 to 65535 or a range such as 8000-8100, found '65536'"});
    CHECK(faults_to("{}") == Lines{"4:32 the destination has no 'cidr'; add one, as in 'cidr: 10.0.0.0/8'"});
    CHECK(faults("{name: a, action: drop, to: []}") ==
          Lines{"4:21 action: 'drop' is not a choice; write one of: deny, allow",
                "4:31 to: is empty; write at least one destination, as in '- cidr: 10.0.0.0/8'"});
    CHECK(faults("{}") == Lines{"4:3 the policy has no 'action'; add it",
                                "4:3 the policy has no 'name'; add it",
                                "4:3 the policy has no 'to'; add it"});
    const std::string policy = "{name: a, action: deny, existing: keep, to: [{cidr: 10.0.0.0/8}]}";
    CHECK(faults(policy + "\n- " + policy) ==
          Lines{"5:10 name: a policy 'a' is already on line 4; names must differ"});
}

TEST_CASE("policies that the data path has no room for are refused where they begin", "[config][policy]") {
    std::string destinations, ports, holes, many;
    for (int i = 0; i < 256; ++i) {
        destinations += "  - cidr: 10.0." + std::to_string(i) + ".0/24\n";
        ports += std::to_string(i + 1) + ", ";
        for (int j = 0; j < 4; ++j) holes += "10." + std::to_string(i) + "." + std::to_string(j) + ".0/24, ";
    }
    const std::string list = "- name: a\n  action: deny\n  to:\n";
    CHECK(faults_of(head + list + destinations).empty());
    CHECK(faults_of(head + list + destinations + "  - cidr: 10.1.0.0/24\n") ==
          Lines{"263:5 policies: with this there are more than 256 destinations in all policies together; "
                "write fewer, larger ones"});
    CHECK(faults_of(head + list + "  - {cidr: 10.0.0.0/8, ports: [" + ports + "]}\n") ==
          Lines{"7:5 policies: with this there are more than 255 port ranges in all policies together; write "
                "fewer, larger ones"});
    CHECK(faults_of(head + list + "  - {cidr: 10.0.0.0/8, except: [" + holes + "]}\n") ==
          Lines{"7:5 policies: with this there are more than 1024 networks in all policies together; write "
                "fewer, larger ones"});
    for (int i = 0; i < 129; ++i)
        many += "- {name: n" + std::to_string(i) + ", action: deny, to: [{cidr: 10.0.0.0/8}]}\n";
    CHECK(faults_of(head + many) == Lines{"132:3 policies: there are 129; at most 128 are allowed"});
}

TEST_CASE("a destination that an earlier policy matches is doubtful", "[config][policy]") {
    const auto second = [](const std::string& first, const std::string& second) {
        return warnings("- {name: a, action: allow, to: [" + first + "]}\n- {name: b, action: deny, to: [" +
                        second + "]}\n");
    };
    const Lines warned{
        "5:32 to: this destination has no effect, as the policy 'a' on line 4 matches all of it first; move "
        "this policy before that one"};
    CHECK(second("{cidr: 0.0.0.0/0}", "{cidr: 10.0.0.0/8, protocol: udp, ports: [53]}") == warned);
    CHECK(second("{cidr: 10.0.0.0/8, ports: [1-100, 101-65535]}", "{cidr: 10.0.0.0/8, ports: [90-120]}") ==
          warned);
    CHECK(second("{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}", "{cidr: 10.2.0.0/16}") == warned);
    CHECK(second("{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}", "{cidr: 10.0.0.0/8, except: [10.0.0.0/9]}") ==
          warned);

    CHECK(second("{cidr: 10.0.0.0/8}", "{cidr: 0.0.0.0/0}").empty());
    CHECK(second("{cidr: '::/0'}", "{cidr: 10.0.0.0/8}").empty());
    CHECK(second("{cidr: 0.0.0.0/0, protocol: tcp}", "{cidr: 0.0.0.0/0}").empty());
    CHECK(second("{cidr: 0.0.0.0/0, ports: [53]}", "{cidr: 0.0.0.0/0}").empty());
    CHECK(second("{cidr: 10.0.0.0/8, ports: [1-99, 101-65535]}", "{cidr: 10.0.0.0/8, ports: [90-120]}")
              .empty());
    CHECK(second("{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}", "{cidr: 10.1.2.0/24}").empty());
    CHECK(second("{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}", "{cidr: 10.0.0.0/8}").empty());
}

TEST_CASE("existing in a policy that allows is doubtful", "[config][policy]") {
    const auto policy = [](const std::string& action) {
        return "- {name: a, action: " + action + ", to: [{cidr: 10.0.0.0/8}], existing: keep}\n";
    };
    CHECK(warnings(policy("allow")) == Lines{"4:64 existing: has no effect in a policy that allows; write it "
                                             "where a policy denies"});
    CHECK(warnings(policy("deny")).empty());
}

TEST_CASE("a policy that cuts the workload off from its own services is doubtful", "[config][policy]") {
    const auto with = [](const std::string& policies) {
        return warnings_of(plain_service + "policies:\n" + policies);
    };
    const auto deny = [](const std::string& cidr) {
        return "- {name: no, action: deny, to: [{cidr: " + cidr + "}]}\n";
    };
    const Lines address{
        "7:10 policies: 'no' denies 10.96.0.1:80 over tcp, the address of the service 'web', "
        "which becomes unreachable; allow it in an earlier policy"};
    const Lines backends{
        "7:10 policies: with 'no' every backend of the service 'web' is denied over tcp, so the service is "
        "unreachable; allow them in an earlier policy"};
    CHECK(with(deny("10.96.0.0/16")) == address);
    CHECK(with(deny("10.0.0.0/16")) == backends);
    CHECK(with(deny("10.0.0.2/32")).empty());
    CHECK(with("- {name: yes, action: allow, to: [{cidr: 10.0.0.0/8}]}\n" + deny("0.0.0.0/0")).empty());
}

}  // namespace
}  // namespace reseat::config
