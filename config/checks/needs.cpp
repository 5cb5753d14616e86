// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"
#include "config/text_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

/// What health checks need from outside the file: other files, and permission.
namespace reseat::config {
namespace {

constexpr std::size_t max_pem_size = 1024 * 1024;

using Context = std::shared_ptr<const lb::TlsContext>;
/// CA, certificate, key, insecure: services with the same files share what was made from them.
using Contexts = std::map<std::tuple<std::string, std::string, std::string, bool>, Context>;

std::string text_of(const Written<std::string>& written) {
    return written ? written->value : "";
}

/// Hands the content of the file at `path` to `use`. False: a fault was reported.
template <class Use>
bool with_file(const Written<std::string>& path, std::string_view key, Use use, Diagnostics& out) {
    const auto what = [&](std::string_view fault) {
        return fmt::format("{}: {} {}", key, quote(path->value), fault);
    };
    Diagnostics found;
    const auto bytes = read_bytes(path->value, max_pem_size, found);
    if (!bytes) {
        out.error(path->at, what(found.in_order("").front().message));
        return false;
    }
    if (bytes->size() > max_pem_size) {
        out.error(path->at, what("is larger than 1 MiB; name a PEM file"));
        return false;
    }
    if (const auto used = use(*bytes); !used) {
        out.error(path->at, what(used.error().message + "; name a PEM file"));
        return false;
    }
    return true;
}

Context make_context(const HealthCheckBlock& block, bool insecure, Diagnostics& out) {
    auto context = std::make_shared<lb::TlsContext>(!insecure);
    bool good = true;
    if (block.tls_ca_file)
        good = with_file(
            block.tls_ca_file, "ca_file", [&](const auto& pem) { return context->trust(pem); }, out);
    else if (!insecure)
        (void)context->trust_system();  // none there: then no peer is trusted, as each check will report
    if (block.tls_cert_file)
        good &= with_file(
            block.tls_cert_file, "cert_file", [&](const auto& pem) { return context->present(pem); }, out);
    if (block.tls_key_file && good)
        good = with_file(
            block.tls_key_file, "key_file", [&](const auto& pem) { return context->unlock(pem); }, out);
    return good ? context : nullptr;
}

void load_tls(HealthCheckBlock& block, Contexts& known, Diagnostics& out) {
    if (block.tls_cert_file && !block.tls_key_file)
        return out.error(block.tls_cert_file->at,
                         "cert_file: a certificate needs its key; write key_file too");
    if (block.tls_key_file && !block.tls_cert_file)
        return out.error(block.tls_key_file->at,
                         "key_file: a key needs its certificate; write cert_file too");
    const bool insecure = block.tls_insecure_skip_verify && block.tls_insecure_skip_verify->value;
    auto& context = known[{text_of(block.tls_ca_file), text_of(block.tls_cert_file),
                           text_of(block.tls_key_file), insecure}];
    if (!context) context = make_context(block, insecure, out);
    block.tls_context = context;
}

void check_exec(const HealthCheckBlock& block, ExecChecks exec, Diagnostics& out) {
    if (!block.type || block.type->value != lb::CheckType::exec) return;
    if (!block.exec_command || block.exec_command->value.empty())
        out.error(block.exec_command ? block.exec_command->at : block.type->at,
                  "type: exec has no command; write exec: {command: [/path/to/program, argument]}");
    else if (exec == ExecChecks::refused)
        out.error(block.type->at,
                  "type: exec runs a command, which must be allowed; start reseat with --allow-exec");
    else if (exec == ExecChecks::doubtful)
        out.warning(block.type->at, "type: exec runs a command; reseat needs --allow-exec for it");
}

}  // namespace

bool uses_tls(const HealthCheckBlock& block, lb::CheckType type) {
    const auto is_on = [](const Written<bool>& written) { return written && written->value; };
    return (type == lb::CheckType::tcp && is_on(block.tcp_tls)) ||
           (type == lb::CheckType::http && is_on(block.http_tls)) ||
           (type == lb::CheckType::grpc && is_on(block.grpc_tls));
}

bool uses_tls(const ServiceBlock& block) {
    return std::ranges::any_of(protocols_of(block), [&](Protocol protocol) {
        return uses_tls(block.health_check, check_type(block.health_check, protocol));
    });
}

std::vector<std::string> tls_files(const ConfigFile& file) {
    std::set<std::string> paths;
    for (const auto& service : file.services) {
        const HealthCheckBlock& block = service.health_check;
        if (!uses_tls(service)) continue;
        for (const auto* written : {&block.tls_ca_file, &block.tls_cert_file, &block.tls_key_file})
            if (*written) paths.insert((*written)->value);
    }
    return {paths.begin(), paths.end()};
}

void check_needs(ConfigFile& file, ExecChecks exec, Diagnostics& out) {
    Contexts contexts;
    for (auto& service : file.services) {
        check_exec(service.health_check, exec, out);
        if (uses_tls(service)) load_tls(service.health_check, contexts, out);
    }
}

}  // namespace reseat::config
