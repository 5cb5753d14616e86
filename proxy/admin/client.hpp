// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/error.hpp"

#include <string>
#include <vector>

namespace reseat::proxy {

struct HttpReply {
    unsigned status = 0;
    std::string body;
};

/// `GET target` from the instance that listens at `socket`; blocks for at most 5 s. `failed`: nobody
/// listens, it may not be reached, or it does not answer.
lb::Result<HttpReply> admin_get(const std::string& socket, const std::string& target);

/// The socket of the instance that is meant: `admin` if given, else that of `instance`, else that of the only
/// one running. `failed`: none runs, or several do (the message names them).
lb::Result<std::string> find_admin_socket(const std::string& admin, const std::string& instance,
                                          const std::string& directory = "/run/reseat");

}  // namespace reseat::proxy
