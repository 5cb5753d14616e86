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

/// Hands the content of the file at `path` to `use`. False: a fault was reported.
template <class Use>
bool with_file(const std::string& path, std::string_view key, Position at, Use use, Diagnostics& out) {
    const auto fail = [&](std::string_view fault) {
        out.error(at, fmt::format("{}: {} {}", key, quote(path), fault));
        return false;
    };
    Diagnostics found;
    const auto bytes = read_bytes(path, max_pem_size, found);
    if (!bytes) return fail(found.in_order("").front().message);
    if (bytes->size() > max_pem_size) return fail("is larger than 1 MiB; name a PEM file");
    const auto used = use(*bytes);
    return used || fail(used.error().message + "; name a PEM file");
}

Position place_of(const ServiceBlock& block, std::string_view key) {
    return *block.places.find(fmt::format("health_check.{}", key));
}

Context make_context(const ServiceBlock& block, Diagnostics& out) {
    const lb::TlsCheck& tls = block.service.health_check.tls;
    auto context = std::make_shared<lb::TlsContext>(!tls.insecure_skip_verify);
    const auto take = [&](const std::string& path, std::string_view key, auto use) {
        const auto hand_over = [&](const std::string& pem) { return ((*context).*use)(pem); };
        return path.empty() ||
               with_file(path, key, place_of(block, fmt::format("tls.{}", key)), hand_over, out);
    };
    if (tls.ca_file.empty() && !tls.insecure_skip_verify)
        (void)context->trust_system();  // none there: then no peer is trusted, as each check will report
    bool good = take(tls.ca_file, "ca_file", &lb::TlsContext::trust);
    good &= take(tls.cert_file, "cert_file", &lb::TlsContext::present);
    return good && take(tls.key_file, "key_file", &lb::TlsContext::unlock) ? context : nullptr;
}

void load_tls(ServiceBlock& block, Contexts& known, Diagnostics& out) {
    lb::TlsCheck& tls = block.service.health_check.tls;
    if (!tls.cert_file.empty() && tls.key_file.empty())
        return out.error(place_of(block, "tls.cert_file"),
                         "cert_file: a certificate needs its key; write key_file too");
    if (!tls.key_file.empty() && tls.cert_file.empty())
        return out.error(place_of(block, "tls.key_file"),
                         "key_file: a key needs its certificate; write cert_file too");
    auto& context = known[{tls.ca_file, tls.cert_file, tls.key_file, tls.insecure_skip_verify}];
    if (!context) context = make_context(block, out);
    tls.context = context;
}

void check_exec(const ServiceBlock& block, ExecChecks exec, Diagnostics& out) {
    const lb::HealthCheck& check = block.service.health_check;
    if (check.type != lb::CheckType::exec) return;
    const Position type = place_of(block, "type");
    if (check.exec.command.empty())
        out.error(block.places.find("health_check.exec.command").value_or(type),
                  "type: exec has no command; write exec: {command: [/path/to/program, argument]}");
    else if (exec == ExecChecks::refused)
        out.error(type, "type: exec runs a command, which must be allowed; start reseat with --allow-exec");
    else if (exec == ExecChecks::doubtful)
        out.warning(type, "type: exec runs a command; reseat needs --allow-exec for it");
}

void check_command(const BackendBlock& backend, ExecChecks exec, Diagnostics& out) {
    const lb::SourcedBackends* sourced = backend.sourced();
    if (!sourced || sourced->ref.kind != lb::SourceKind::command) return;
    if (exec == ExecChecks::refused)
        out.error(backend.at,
                  "command: runs a command, which must be allowed; start reseat with --allow-exec");
    else if (exec == ExecChecks::doubtful)
        out.warning(backend.at, "command: runs a command; reseat needs --allow-exec for it");
}

}  // namespace

bool uses_tls(const lb::HealthCheck& check, lb::CheckType type) {
    return (type == lb::CheckType::tcp && check.tcp.tls) || (type == lb::CheckType::http && check.http.tls) ||
           (type == lb::CheckType::grpc && check.grpc.tls);
}

bool uses_tls(const ServiceBlock& block) {
    return std::ranges::any_of(protocols_of(block), [&](Protocol protocol) {
        return uses_tls(block.service.health_check, check_type(block, protocol));
    });
}

std::vector<std::string> tls_files(const ConfigFile& file) {
    std::set<std::string> paths;
    for (const auto& block : file.services) {
        if (!uses_tls(block)) continue;
        const lb::TlsCheck& tls = block.service.health_check.tls;
        for (const std::string& path : {tls.ca_file, tls.cert_file, tls.key_file})
            if (!path.empty()) paths.insert(path);
    }
    return {paths.begin(), paths.end()};
}

void check_needs(ConfigFile& file, ExecChecks exec, Diagnostics& out) {
    Contexts contexts;
    for (auto& block : file.services) {
        check_exec(block, exec, out);
        for (const auto& backend : block.backends) check_command(backend, exec, out);
        if (uses_tls(block)) load_tls(block, contexts, out);
    }
}

}  // namespace reseat::config
