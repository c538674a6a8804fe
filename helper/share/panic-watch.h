/* Ends a virtiofsd of which a thread has panicked. */
#pragma once

/* Leads the caller's stderr through a process of its own to where it leads now. At a panic in it that
 * process says so and sends SIGABRT to the caller, which is to become virtiofsd; it ends when nobody has the
 * new stderr open any more. It takes fd 3, virtiofsd's listening socket, for something else. 0, negative
 * errno. */
int panic_watch_start(void);
