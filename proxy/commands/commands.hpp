// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.hpp"
#include "proxy/options.hpp"

#include <boost/json/object.hpp>

#include <optional>

/// One function and one file for each subcommand; each returns the exit status.
namespace reseat::proxy {

int run_command(const Options& options);
int exec_command(const Options& options);
int demo_command(const Options& options);
int validate_command(const Options& options);
int check_command(const Options& options);
int doctor_command(const Options& options);
int version_command(const Options& options);
int status_command(const Options& options);
int health_command(const Options& options);
int reload_command(const Options& options);
int sockets_command(const Options& options);
int terminate_command(const Options& options);
int weight_command(const Options& options);
int detach_command(const Options& options);

/// Loads the configuration; its faults or warnings go to stderr, one a line. Nothing: it has faults.
std::optional<config::Loaded> load_and_report(const std::string& path, config::ExecChecks exec);

/// What --allow-exec says.
config::ExecChecks exec_checks(const Options& options);

/// What the instance at `socket` lists for the service and backend of `options`: {"sockets": [...]}.
lb::Result<boost::json::object> list_sockets(const std::string& socket, const Options& options);
void print_sockets(const boost::json::object& list, Output output);

/// --admin, else that of --instance, else the configuration's, else that of `instance`.
std::string admin_socket(const Options& options, const std::string& configured, const std::string& instance);

}  // namespace reseat::proxy
