/* The shape of what the generator writes: each line is one of ours, whatever the values in it say. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "generator/emit.h"

static const char *const dropin_starts[] = { "# ", "[Unit]", "[Service]", "SourcePath=", "Description=",
        "Requires=", "After=", "Before=", "CollectMode=", "Wants=", "Environment=\"CLAUDE_VM_",
        "LoadCredential=", "MemoryMax=", "MemoryHigh=", "MemorySwapMax=", "CPUQuota=", "CPUWeight=",
        "TasksMax=", "Nice=", "RuntimeMaxSec=", "TimeoutStartSec=", "TimeoutStopSec=" };

static inline void dropin_check_line(const char *line) {
        size_t n = strlen(line);

        if (n == 0)
                return;
        /* a backslash at the end would join the next line to this one */
        if (line[n - 1] == '\\' || printable_check_line(line, n))
                abort();
        for (size_t i = 0; i < ELEMENTSOF(dropin_starts); i++)
                if (strncmp(line, dropin_starts[i], strlen(dropin_starts[i])) == 0)
                        return;
        abort();
}

/* Writes the project's units to nowhere and looks at them. `out`: where stdout goes otherwise. */
static inline void dropin_check(Project *p, FILE *out) {
        UnitWriter *w = NULL;
        char *text = NULL, *rest;
        size_t n;

        if (unit_writer_new(NULL, &w) < 0)
                abort();
        stdout = open_memstream(&text, &n);
        if (emit_project(w, p) == -EBADMSG)
                abort();
        fclose(stdout);
        stdout = out;
        rest = text;
        for (char *line; (line = strsep(&rest, "\n"));)
                dropin_check_line(line);
        free(text);
        unit_writer_free(w);
}
