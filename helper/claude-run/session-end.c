#include "helper/claude-run/session-end.h"

#include <signal.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/run-program.h"
#include "common/runtime-path.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/session.h"

#define END_LIMIT (10 * SEC) /* from the end of the connection to that of the VM */

bool session_end_was_asked(void) {
        return session_signal() == SIGHUP || session_signal() == SIGTERM;
}

/* ssh's 255 is a lost connection, or a command that a signal ended: the master, if it is there, knows. */
static bool is_connected(Context *c, const char *id) {
        _cleanup_free_ char *config = NEED(runtime_path_vm_file(c->runtime_dir, id, "ssh.config"));

        return run_program_quietly((const char *const[]) {
                               c->options->ssh, "-F", config, "-O", "check", "claude-vm", NULL }) == 0;
}

int session_end_explain(Context *c, const char *id, int status, int *ret_vm_status) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id));
        UnitState state = {};
        int r;

        if (status != EXIT_LOST || session_end_was_asked() || is_connected(c, id) || context_manager(c) != 0)
                return status;
        r = manager_wait_inactive(c->manager, unit, END_LIMIT, &context_interrupted);
        if (r < 0)
                return fail(status, "lost the connection to '%s'", id);
        if (manager_state(c->manager, unit, &state) >= 0) {
                fail(0, "VM '%s' has ended: %s", id,
                                state.status_text[0] ? state.status_text : "it was powered off or stopped");
                if (ret_vm_status && strcmp(state.result, "exit-code") == 0)
                        *ret_vm_status = state.exec_main_status;
        }
        unit_state_done(&state);
        return status;
}
