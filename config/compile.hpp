// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config_file.hpp"
#include "config/diagnostics.hpp"
#include "config/loaded.hpp"

#include <span>
#include <vector>

namespace reseat::config {

/// The services that one block defines, with all defaults applied: two (tcp, then udp) for `any`.
std::vector<lb::Service> compile_service(const ServiceBlock& block);

std::vector<lb::AccessPolicy> compile_policies(const ConfigFile& file);

lb::Model compile(const ConfigFile& file);

/// Reports what no value shows by itself: duplicate names, addresses and backends.
void check_unique(const ConfigFile& file, Diagnostics& out);

/// Reports a maglev without hash_key, and a hash_key that a service without maglev has written itself.
void check_hash_key(const ConfigFile& file, Diagnostics& out);

/// Reports what health checks need and do not have: permission to run commands, readable files. Puts what
/// was made from the files in `tls.context` of their services.
void check_needs(ConfigFile& file, ExecChecks exec, Diagnostics& out);

/// Whether a check of this type speaks TLS.
bool uses_tls(const lb::HealthCheck& check, lb::CheckType type);
/// Whether one of the checks of this service does.
bool uses_tls(const ServiceBlock& block);

/// The type of the checks of this protocol's half.
lb::CheckType check_type(const ServiceBlock& block, Protocol protocol);

/// The name of backends that are given none; of those of a source it is for the source to say.
std::string usual_name(const lb::Backend& backend);
std::string usual_name(const lb::NamedBackends& backends);
std::string usual_name(const lb::SourcedBackends& backends);

/// The certificates and keys that check_needs() reads, each once.
std::vector<std::string> tls_files(const ConfigFile& file);

/// Warns of what is legal but surely not meant. For a file without errors.
void warn_of_doubtful(const ConfigFile& file, Diagnostics& out);

/// The same for policies: what never decides, and what cuts the workload off from its own services.
void warn_of_policies(const ConfigFile& file, Diagnostics& out);

/// Where the addresses of all services are written.
std::vector<ServiceAddress> service_addresses(const ConfigFile& file);

/// The protocols that a service block defines.
std::span<const Protocol> protocols_of(const ServiceBlock& block);

}  // namespace reseat::config
