/* Tries for claude-run what only the helper may do where programs need an AppArmor profile. */
#pragma once

/* Tries `namespaces` or `network`, prints one sentence, and returns the exit status: 1 if a VM cannot run
 * so. */
int try_run(const char *what);
