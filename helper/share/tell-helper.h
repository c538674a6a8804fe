/* One message to the helper of a running VM, which sees whom it is from. */
#pragma once

/* The messages are in helper/vm/shares.c. Nobody there is no error. */
void tell_helper(const char *runtime_dir, const char *id, const char *message);
