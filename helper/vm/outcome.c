#include "helper/vm/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "common/strjoin.h"
#include "helper/guest-lines.h"

/* As the guest's words, which may read like ours. Owned; NULL without memory. */
static char *guest_says(const Facts *f) {
        const char *words = f->guest_status[0] ? f->guest_status : f->console_line;
        _cleanup_free_ char *quoted = guest_lines_quote(words);

        if (!words[0])
                return strdup("the guest said nothing");
        return quoted ? strjoin("the guest said last: ", quoted, NULL) : NULL;
}

static int print_qemu(const Facts *f, char **ret) {
        if (WIFSIGNALED(f->qemu_status))
                return asprintf(ret, "QEMU was killed by SIG%s%s%s",
                                sigabbrev_np(WTERMSIG(f->qemu_status)) ?: "?",
                                f->qemu_message[0] ? ": " : "", f->qemu_message);
        return asprintf(ret, "QEMU exited with status %d: %s", WEXITSTATUS(f->qemu_status),
                        f->qemu_message[0] ? f->qemu_message : "it gave no reason");
}

/* A start that could not go on with a suspended guest. The limit is that of QEMU's first word. */
static int print_load(const Facts *f, char **ret) {
        _cleanup_free_ char *qemu = NULL;
        int r = f->boot_timeout ? asprintf(&qemu, "QEMU was not ready after %u s", f->boot_limit_sec)
                                : print_qemu(f, &qemu);

        if (r < 0)
                return -1;
        return asprintf(ret,
                        "The VM is suspended and could not be resumed: %s. The suspended state is kept; to throw it away: claude-run forget %s",
                        qemu, f->id);
}

/* What a guest that does not boot may owe to what is installed on its disk. One that was suspended has
 * booted from it. Owned; NULL without memory. */
static char *disk_remedy(const Facts *f) {
        return f->has_disk && !f->ready && !f->resuming && !f->resumed
                        ? strjoin(". If its disk is the reason, begin with an empty one: claude-run disk ",
                                          f->id, " reset", NULL)
                        : strdup("");
}

/* The first fact that holds is the reason; the later ones are its consequences. */
int outcome_of(const Facts *f, char **ret) {
        _cleanup_free_ char *said = guest_says(f), *disk = disk_remedy(f);
        int r, status;

        if (f->suspended) {
                status = EXIT_SUCCESS;
                r = asprintf(ret, "Suspended");
        } else if (f->refusal) {
                status = EXIT_CONFIGURATION;
                r = asprintf(ret, "%s", f->refusal);
        } else if (f->dead_share) {
                status = EXIT_SHARE_FAILED;
                r = asprintf(ret,
                                "Share '%1$s' died: its virtiofsd %2$s; see: systemctl --user status claude-vm-virtiofsd@%3$s:%1$s",
                                f->dead_share, f->share_result, f->id);
        } else if (f->network_lost) {
                status = EXIT_SHARE_FAILED;
                r = asprintf(ret,
                                "The VM's network ended, so the VM was stopped; see: systemctl --user status claude-vm-net@%s",
                                f->id);
        } else if (f->resuming && (f->boot_timeout || !f->stop_requested)) {
                status = EXIT_QEMU_FAILED;
                r = print_load(f, ret);
        } else if (f->boot_timeout) {
                status = EXIT_BOOT_TIMEOUT;
                r = asprintf(ret, "The guest was not ready after %u s; %s%s", f->boot_limit_sec, said ?: "",
                                disk ?: "");
        } else if (f->stop_requested) {
                status = EXIT_SUCCESS;
                r = asprintf(ret, "Stopped");
        } else if (f->agent_status >= 0) {
                status = f->agent_status;
                /* its last words, or why the guest's kernel killed it */
                r = status != 0 && f->guest_status[0]
                                ? asprintf(ret, "The agent exited with status %d; %s", status, said ?: "")
                                : asprintf(ret, "The agent exited with status %d", status);
        } else if (f->panicked) {
                status = EXIT_QEMU_FAILED;
                r = asprintf(ret, "The guest's kernel panicked; %s%s", said ?: "", disk ?: "");
        } else if (f->qemu_status != 0) {
                status = EXIT_QEMU_FAILED;
                r = print_qemu(f, ret);
        } else if (!f->ready) {
                status = EXIT_BOOT_TIMEOUT;
                r = asprintf(ret, "The guest went down before it was ready; %s%s", said ?: "", disk ?: "");
        } else {
                status = EXIT_SUCCESS;
                r = asprintf(ret, "The guest powered off");
        }
        if (r < 0)
                *ret = NULL;
        return status;
}
