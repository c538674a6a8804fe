/* A directory of the test's own, which goes with it. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

static char scratch[64]; /* has no links */

static inline int scratch_setup(void **state) {
        char template[] = "/tmp/test.XXXXXX", resolved[PATH_MAX];

        if (!mkdtemp(template) || !realpath(template, resolved) || strlen(resolved) >= sizeof(scratch))
                return -1;
        strcpy(scratch, resolved);
        return 0;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

/* Fails if something is left, so that no test makes what it cannot name. */
static inline int scratch_teardown(void **state) {
        return nftw(scratch, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a name below it; valid until the eighth call after this one. */
static inline const char *scratch_path(const char *name) {
        static char paths[8][PATH_MAX];
        static unsigned next;
        char *path = paths[next++ % 8];

        snprintf(path, PATH_MAX, "%s/%s", scratch, name);
        return path;
}

static inline void scratch_mkdir(const char *name) {
        assert_int_equal(mkdir(scratch_path(name), 0700), 0);
}

/* Directories with names of 250 bytes in `name`, each in the one before. */
static inline void scratch_mkdir_chain(const char *name, unsigned depth) {
        int fd = open(scratch_path(name), O_PATH | O_DIRECTORY | O_CLOEXEC);
        char part[251] = "";

        memset(part, 'x', sizeof(part) - 1);
        for (unsigned i = 0; i < depth; i++) {
                int next;

                assert_int_equal(mkdirat(fd, part, 0700), 0);
                next = openat(fd, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
                close(fd);
                fd = next;
        }
        assert_true(fd >= 0);
        close(fd);
}

/* A file with this text, in the place of an older one. */
static inline void scratch_write(const char *name, const char *text, mode_t mode) {
        FILE *f = fopen(scratch_path(name), "we");

        if (!f)
                fail_msg("%s cannot be written", name);
        assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
        assert_int_equal(fchmod(fileno(f), mode), 0);
        assert_int_equal(fclose(f), 0);
}

static inline void scratch_link(const char *target, const char *name) {
        assert_int_equal(symlink(target, scratch_path(name)), 0);
}

/* A link counts, wherever it leads. */
static inline bool scratch_has(const char *name) {
        struct stat st;

        return lstat(scratch_path(name), &st) == 0;
}

static inline void assert_file(const char *name, const char *expected) {
        char text[65536];
        FILE *f = fopen(scratch_path(name), "re");
        size_t n;

        if (!f)
                fail_msg("there is no %s", name);
        n = fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
        text[n] = '\0';
        assert_string_equal(text, expected);
}

static inline void assert_link(const char *name, const char *expected) {
        char target[PATH_MAX];
        ssize_t n = readlink(scratch_path(name), target, sizeof(target) - 1);

        if (n < 0)
                fail_msg("%s is not a link", name);
        target[n] = '\0';
        assert_string_equal(target, expected);
}
