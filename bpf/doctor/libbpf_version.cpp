// SPDX-License-Identifier: Apache-2.0
#include "bpf/doctor/kernel_features.hpp"

#include <bpf/libbpf.h>

namespace reseat::bpf {

std::string libbpf_version() {
    const std::string text = libbpf_version_string();  // "v1.1"
    return text.starts_with('v') ? text.substr(1) : text;
}

}  // namespace reseat::bpf
