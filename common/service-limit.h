/* The values of [Service]. systemd ignores a wrong one with a line in the journal, and the VM would run
 * without the limit. */
#pragma once

/* Returns NULL, or what a value of this key must be, as the rest of a sentence. Takes what systemd takes,
 * but for a zero or a base at the front of a number, and ‰. */
const char *service_limit_refused(const char *key, const char *value);
