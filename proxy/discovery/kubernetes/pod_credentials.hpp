// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::proxy {

/// When a token of a service account (RFC 7519) expires; nothing: it does not say, or is no such token. Its
/// signature is not looked at.
std::optional<std::chrono::system_clock::time_point> expiry_of(std::string_view token);

/// One thing that sources in Kubernetes need of the pod.
struct PodCredential {
    std::string name;
    bool good = false;
    std::string seen;
    std::string remedy;  ///< empty: it is good
};

/// What a pod has for the API server in `directory`, its service account's. Empty where this is no pod: the
/// API server's address is not in the environment, and the directory is not there. Blocks on the disk.
std::vector<PodCredential> look_at_pod(const std::string& directory,
                                       std::chrono::system_clock::time_point now);

}  // namespace reseat::proxy
