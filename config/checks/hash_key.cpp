// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

namespace reseat::config {
namespace {

/// A service cannot take back what `defaults` say: what it inherits of it and does not need is no fault.
bool is_own(const ServiceBlock& service, const ServiceBlock& defaults) {
    return !defaults.hash_key || defaults.hash_key->at != service.hash_key->at;
}

}  // namespace

void check_hash_key(const ConfigFile& file, Diagnostics& out) {
    for (const auto& service : file.services) {
        const bool is_maglev = service.lb_policy && service.lb_policy->value == lb::LbPolicy::maglev;
        if (is_maglev && !service.hash_key)
            out.error(service.lb_policy->at,
                      "lb_policy: maglev needs a hash key; write hash_key: workload, uid or "
                      "process");
        if (!is_maglev && service.hash_key && is_own(service, file.defaults))
            out.error(service.hash_key->at,
                      "hash_key: only maglev uses it; write lb_policy: maglev or remove the key");
    }
}

}  // namespace reseat::config
