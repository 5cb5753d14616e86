// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/kernel/support/kinds.hpp"

#include <string>
#include <vector>

namespace reseat::test {

/// "10.0.0.0/8" or "fd00::/8". Throws for a text that is none.
lb::Cidr cidr(const std::string& text);
/// Just this address.
lb::Cidr only(const Endpoint& endpoint);
/// Both addresses of a host, over all protocols and ports.
std::vector<lb::Destination> all_of(BackendHost& host);
lb::AccessPolicy deny(std::vector<lb::Destination> to, const std::string& name = "no");
lb::AccessPolicy allow(std::vector<lb::Destination> to, const std::string& name = "yes");

/// Again while the kernel has not forgotten those before. Throws std::runtime_error with the data plane's
/// message.
void set_policies(TestPlane& plane, const std::vector<lb::AccessPolicy>& policies);
/// What the policy of this name has denied so far; -1: there is none.
long long denials(TestPlane& plane, const std::string& name = "no");

}  // namespace reseat::test
