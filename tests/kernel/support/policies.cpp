// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/support/policies.hpp"

#include <stdexcept>

namespace reseat::test {

lb::Cidr cidr(const std::string& text) {
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash)).value();
    const auto bits = static_cast<unsigned>(std::stoul(text.substr(slash + 1)));
    return {address, address.family() == Family::v4 ? 96 + bits : bits};
}

lb::Cidr only(const Endpoint& endpoint) {
    return {endpoint.address, 128};
}

std::vector<lb::Destination> all_of(BackendHost& host) {
    return {{only(host.endpoint(Family::v4)), {}, {}, {}}, {only(host.endpoint(Family::v6)), {}, {}, {}}};
}

lb::AccessPolicy deny(std::vector<lb::Destination> to, const std::string& name) {
    return {name, lb::PolicyAction::deny, std::move(to), lb::ExistingSockets::terminate};
}

lb::AccessPolicy allow(std::vector<lb::Destination> to, const std::string& name) {
    return {name, lb::PolicyAction::allow, std::move(to), lb::ExistingSockets::terminate};
}

void set_policies(TestPlane& plane, const std::vector<lb::AccessPolicy>& policies) {
    std::string why;
    const auto set = [&] {
        const auto done = plane.kernel().set_policies(policies);
        if (!done) why = done.error().message;
        return done.has_value();
    };
    if (!plane.pump_until(set)) throw std::runtime_error(why);
}

long long denials(TestPlane& plane, const std::string& name) {
    for (const auto& [policy, count] : plane.kernel().policy_denials())
        if (policy == name) return static_cast<long long>(count);
    return -1;
}

}  // namespace reseat::test
