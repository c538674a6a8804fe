/* Core files without memory in them. */
#pragma once

/* Keeps the memory of this process, and of what it executes, out of core files. */
void core_dump_empty(void);
