// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace reseat::proxy {

struct HttpReply {
    unsigned status = 0;
    std::string body;
};

/// Asks the instance that listens at `socket`; blocks for at most `patience`. `failed`: there is no such
/// instance, it may not be reached, no process listens, or it does not answer; the message says which.
Result<HttpReply> admin_get(const std::string& socket, const std::string& target,
                            Duration patience = std::chrono::seconds(5));
Result<HttpReply> admin_post(const std::string& socket, const std::string& target,
                             Duration patience = std::chrono::seconds(60));

/// Asks for lines that go on for as long as the instance likes, and gives `on_line` each when it comes,
/// without its end. Returns when the answer is over; if its status is not 200, with its body. Errors as
/// above, also when it breaks off.
using OnLine = std::function<void(std::string_view)>;
Result<HttpReply> admin_follow(const std::string& socket, const std::string& target, const OnLine& on_line);

/// What an error reply says, for people.
Error error_of(const HttpReply& reply, const std::string& socket);

struct Instance {
    std::string name;
    std::string socket;
};
/// Those that listen in `directory`, as far as it may be read, by name.
std::vector<Instance> running_instances(const std::string& directory = "/run/reseat");

/// The socket of the instance that is meant: `admin` if given, else that of `instance`, else that of the only
/// one running. `failed`: none runs, or several do (the message names them).
Result<std::string> find_admin_socket(const std::string& admin, const std::string& instance,
                                      const std::string& directory = "/run/reseat");

/// The process that listens at `socket`.
std::optional<pid_t> listener_of(const std::string& socket);

}  // namespace reseat::proxy
