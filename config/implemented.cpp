// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

#include <fmt/format.h>

#include <string_view>
#include <type_traits>
#include <vector>

/// The one place that knows what is still to come: delete a line here when its option works.
namespace reseat::config {
namespace {

using namespace std::chrono_literals;

class Check {
public:
    explicit Check(Diagnostics& out) : out_(out) {}

    /// `advice` is a whole half-sentence: "write 0s or remove the key".
    void refuse(Position at, std::string_view what, std::string_view advice) {
        out_.error(at, fmt::format("{} is not implemented yet; {}", what, advice));
    }

    template <class T>
    void only(const Written<T>& written, std::string_view key, const std::type_identity_t<T>& value,
              std::string_view spelled) {
        if (!written || written->value == value) return;
        refuse(written->at, fmt::format("{}: any value but {}", key, spelled),
               fmt::format("write {} or remove the key", spelled));
    }

private:
    Diagnostics& out_;
};

void check_process(const ConfigFile& file, Check& check) {
    check.only(file.admin_address, "address", "", "\"\"");
}

void check_health_check(const HealthCheckBlock& block, Check& check) {
    if (block.type && block.type->value == lb::CheckType::grpc)
        check.refuse(block.type->at, "type: grpc", "write tcp, which only sees whether the port accepts");
    if (block.type && block.type->value == lb::CheckType::exec)
        check.refuse(block.type->at, "type: exec", "write tcp, http or udp");
    check.only(block.http_tls, "tls", false, "false");
    check.only(block.grpc_service, "service", "", "\"\"");
    check.only(block.exec_command, "command", {}, "[]");
}

void check_service(const ServiceBlock& service, Check& check) {
    if (service.lb_policy && service.lb_policy->value > lb::LbPolicy::random)
        check.refuse(service.lb_policy->at, "lb_policy: least_conn or maglev", "write round_robin or random");
    check.only(service.hash_key, "hash_key", lb::HashKey::uid, "uid");
    check.only(service.panic_threshold, "panic_threshold", 0, "0");
    check.only(service.slow_start, "slow_start", 0s, "0s");
    check_health_check(service.health_check, check);
    for (const auto& backend : service.backends) {
        if (backend.dns) check.refuse(backend.dns->at, "address: a DNS name", "write IP addresses");
        if (backend.srv) check.refuse(backend.srv->at, "srv: a DNS name", "write IP addresses");
    }
}

}  // namespace

void check_implemented(const ConfigFile& file, Diagnostics& out) {
    Check check(out);
    check_process(file, check);
    check_service(file.defaults, check);
    for (const auto& service : file.services) check_service(service, check);
}

}  // namespace reseat::config
