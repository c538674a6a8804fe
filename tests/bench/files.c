/* The floor under a generator: makes COUNT directories in DIRECTORY with one file of SIZE bytes each, as
 * systemd wants drop-ins. Nothing is read. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_one(int base, int i, const char *text, size_t size) {
        char path[64];
        int n = snprintf(path, sizeof(path), "claude-vm@p%d.service.d", i), fd, r;

        if (mkdirat(base, path, 0755) < 0)
                return -1;
        snprintf(path + n, sizeof(path) - (size_t) n, "/50-claude-microvm.conf");
        fd = openat(base, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -1;
        r = write(fd, text, size) == (ssize_t) size ? 0 : -1;
        return close(fd) < 0 ? -1 : r;
}

int main(int argc, char **argv) {
        int base = argc == 4 ? open(argv[1], O_DIRECTORY | O_CLOEXEC) : -1;
        size_t size = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
        char *text = calloc(1, size + 1);

        for (int i = 0; base >= 0 && text && i < atoi(argv[2]); i++)
                if (make_one(base, i, text, size) < 0) {
                        perror(argv[1]);
                        return EXIT_FAILURE;
                }
        return base >= 0 && text ? EXIT_SUCCESS : EXIT_FAILURE;
}
