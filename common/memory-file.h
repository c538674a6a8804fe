/* Files in memory, without a name in any directory. */
#pragma once

/* An empty one, which may be sealed; `name` is for who looks at the process. A descriptor; negative errno.
 */
int memory_file(const char *name);
