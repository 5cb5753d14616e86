// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

namespace reseat::config {

void check_hash_key(const ConfigFile& file, Diagnostics& out) {
    for (const auto& [at, protocol, addresses, service, backends, places] : file.services) {
        const bool is_maglev = service.lb_policy == lb::LbPolicy::maglev;
        const auto hash_key = places.find("hash_key");
        if (is_maglev && !hash_key)
            out.error(*places.find("lb_policy"),
                      "lb_policy: maglev needs a hash key; write hash_key: workload, uid or process");
        // A service cannot take back what `defaults` say: what it inherits and does not need is no fault.
        if (!is_maglev && hash_key && hash_key != file.defaults.places.find("hash_key"))
            out.error(*hash_key, "hash_key: only maglev uses it; write lb_policy: maglev or remove the key");
    }
}

}  // namespace reseat::config
