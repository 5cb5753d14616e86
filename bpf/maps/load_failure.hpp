// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

namespace reseat::bpf {

/// Why programs could not be loaded, by errno, and what to do about it.
Error load_failure(int number);

}  // namespace reseat::bpf
