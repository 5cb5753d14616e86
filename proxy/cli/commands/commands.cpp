// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/command.hpp"

namespace reseat::proxy {

Command run_command();
Command exec_command();
Command demo_command();
Command validate_command();
Command check_command();
Command doctor_command();
Command version_command();
Command ls_command();
Command status_command();
Command backends_command();
Command sockets_command();
Command events_command();
Command explain_command();
Command health_command();
Command drain_command();
Command ready_command();
Command maint_command();
Command weight_command();
Command terminate_command();
Command accept_command();
Command sources_command();
Command resync_command();
Command rbac_command();
Command reload_command();
Command detach_command();
Command complete_command();

const std::vector<Command>& all_commands() {
    static const std::vector<Command> all = {
        run_command(),       exec_command(),    demo_command(),    validate_command(), check_command(),
        rbac_command(),      doctor_command(),  version_command(), ls_command(),       status_command(),
        backends_command(),  sockets_command(), events_command(),  explain_command(),  sources_command(),
        health_command(),    drain_command(),   ready_command(),   maint_command(),    weight_command(),
        terminate_command(), reload_command(),  accept_command(),  resync_command(),   detach_command(),
        complete_command()};
    return all;
}

}  // namespace reseat::proxy
