/* The directory of requests: `ID.ini`, `ID.owner` and `ID.credentials` for each VM that has them. */
#pragma once

/* Calls `each` for each entry, with the two parts of its name; those that are no VM's are left out. */
void requests_each(const char *runtime_dir,
                void (*each)(const char *runtime_dir, const char *id, const char *suffix));
