// SPDX-License-Identifier: Apache-2.0
#include "bpf/kernel_features.hpp"
namespace reseat::bpf {
std::vector<Feature> probe_kernel_features() { return {}; }
}
