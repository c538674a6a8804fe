/* claude-vm@UUID.service of a project stands for claude-vm@NAME.service. */
#pragma once

/* The name of the project with the UUID `id`, owned; NULL if no project has it. */
char *proxy_find(const char *generator, const char *id);

/* Starts the project's unit, says READY=1 when that is up, ends with it, and stops it when it is stopped.
 * Returns an exit status: 0, or the one of the unit. */
int proxy_run(const char *name);
