/* Ends a virtiofsd of which a thread has panicked. */
#pragma once

/* Starts a process that passes on what the caller, which is to become virtiofsd, writes to stderr. When it
 * reads of a panic, it logs that and sends SIGABRT to the caller. It ends when nobody has the caller's
 * stderr open any more, and does not keep the caller's listening socket. 0, negative errno. */
int panic_watch_start(void);
