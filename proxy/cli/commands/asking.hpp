// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "proxy/cli/options.hpp"

#include <boost/json/object.hpp>

#include <string>

/// What the commands that ask a running instance share.
namespace reseat::proxy {

/// The socket of the instance that --admin, --instance, or there being only one, means.
Result<std::string> instance_socket(const Options& options);

/// The body that the instance at `socket` answers with; anything but 200 is an error.
Result<std::string> get(const std::string& socket, const std::string& target);
Result<std::string> post(const std::string& socket, const std::string& target);
/// The same, parsed.
Result<boost::json::object> get_object(const std::string& socket, const std::string& target);
/// Of the instance that is meant.
Result<boost::json::object> get_object(const Options& options, const std::string& target);

/// "/services/S/backends/B/WORD", or "/services/S/WORD" where no backend was given.
std::string path_to(const Options& options, std::string_view word);
/// "?service=S&backend=B" as far as they were given; empty: neither was.
std::string query_for(const Options& options);

/// "SERVICE/BACKEND", or just "SERVICE".
std::string subject(const Options& options);

}  // namespace reseat::proxy
