// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "base/error.hpp"
#include "lb/discovery/search_path.hpp"

#include <string>
#include <vector>

namespace reseat::proxy {

/// What resolv.conf says, and the environment (LOCALDOMAIN, RES_OPTIONS), as the C library reads them.
struct SystemDns {
    std::vector<Endpoint> servers;  ///< at least one
    lb::SearchPath path;
};

/// Error: lack of memory.
Result<SystemDns> read_system_dns();

/// What /etc/hosts has for this name. Reads the file.
std::vector<Address> addresses_in_hosts(const std::string& name);

}  // namespace reseat::proxy
