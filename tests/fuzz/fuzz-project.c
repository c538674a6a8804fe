/* From an ini to its units: whatever it says, each line that comes out is one of ours. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "emit.h"
#include "project.h"

static const char *const starts[] = { "# ", "[Unit]", "[Service]", "SourcePath=", "Description=",
        "Requires=", "After=", "PropagatesStopTo=", "CollectMode=", "Wants=", "Environment=\"CLAUDE_VM_",
        "LoadCredential=", "MemoryMax=", "MemoryHigh=", "MemorySwapMax=", "CPUQuota=", "CPUWeight=",
        "TasksMax=", "Nice=", "RuntimeMaxSec=", "TimeoutStartSec=", "TimeoutStopSec=" };

static void check_line(const char *line) {
        size_t n = strlen(line);

        if (n == 0)
                return;
        /* a backslash at the end would join the next line to this one */
        if (line[n - 1] == '\\')
                abort();
        for (size_t i = 0; i < ELEMENTSOF(starts); i++)
                if (strncmp(line, starts[i], strlen(starts[i])) == 0)
                        return;
        abort();
}

static void check_output(char *text) {
        for (char *line; (line = strsep(&text, "\n"));)
                check_line(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const UserPaths paths = {
                .home = (char *) "/nonexistent/u",
                .config_home = (char *) "/nonexistent/u/.config",
                .data_home = (char *) "/nonexistent/u/data",
        };
        static char directory[] = "/tmp/fuzz-project.XXXXXX";
        static int dir = -1;
        static FILE *out;
        Project *p = NULL;
        UnitWriter *w = NULL;
        int fd;

        if (dir < 0) {
                if (!mkdtemp(directory))
                        abort();
                dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
                stderr = fopen("/dev/null", "we");
                out = stdout;
        }
        fd = openat(dir, "p.ini", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, data, size) != (ssize_t) size)
                abort();
        close(fd);
        if (project_load(&paths, dir, directory, "p.ini", false, &p) == 0 &&
                        unit_writer_new(NULL, &w) == 0) {
                char *text = NULL;
                size_t n;

                stdout = open_memstream(&text, &n);
                (void) emit_project(w, p);
                fclose(stdout);
                stdout = out;
                check_output(text);
                free(text);
        }
        unit_writer_free(w);
        project_free(p);
        return 0;
}
