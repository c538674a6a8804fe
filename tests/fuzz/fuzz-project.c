/* From an ini to its units: whatever it says, each line that comes out is one of ours. */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/dropin.h"

#define REQUEST "2d8f9a52-3f0e-4c57-9a55-3f6d8f0c1b7e.ini"

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
        if (project_load(&paths, NULL, dir, directory, "p.ini", false, &p) == 0)
                dropin_check(p, out);
        project_free(p);
        p = NULL;
        /* and as the request of a claude-run */
        if (renameat(dir, "p.ini", dir, REQUEST) < 0)
                abort();
        if (project_load(&paths, NULL, dir, directory, REQUEST, true, &p) == 0)
                dropin_check(p, out);
        project_free(p);
        return 0;
}
