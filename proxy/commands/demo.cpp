// SPDX-License-Identifier: Apache-2.0
#include "proxy/commands/commands.hpp"
#include "proxy/terminal.hpp"

namespace reseat::proxy {

int demo_command(const Options&) { return fail({lb::ErrorCode::failed, "the demo is not part of this build"}); }

}  // namespace reseat::proxy
