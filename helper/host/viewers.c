#include "helper/host/viewers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/runtime-path.h"

/* Words of a command line, each with a NUL behind it. */
typedef struct Words {
        char text[1024];
        size_t size;
} Words;

/* Reads only processes of this user, not those that another user has named so. */
static bool read_words(const char *pid, Words *ret) {
        char path[sizeof("/proc//cmdline") + NAME_MAX];
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != getuid())
                return false;
        n = read(fd, ret->text, sizeof(ret->text));
        ret->size = n > 0 ? (size_t) n : 0;
        return n > 0;
}

/* What follows the word in the command line; NULL: it has no such word. */
static const char *behind_word(const Words *words, const char *word) {
        size_t n = strlen(word) + 1;
        const char *at = memmem(words->text, words->size, word, n);

        return at ? at + n : NULL;
}

/* `-t` or `-tt`, see session_argv(). */
static bool has_terminal(const Words *words, const char *config) {
        const char *next = behind_word(words, config);

        return next && next + 2 < words->text + words->size && next[0] == '-' && next[1] == 't';
}

/* Reads the next process that has a command line; false at the end. */
static bool next_process(DIR *proc, Words *ret) {
        const struct dirent *entry;

        while (proc && (entry = readdir(proc)))
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && read_words(entry->d_name, ret))
                        return true;
        return false;
}

bool viewers_have_terminal(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *config = runtime_path_vm_file(runtime_dir, id, "ssh.config");
        _cleanup_closedir_ DIR *proc = opendir("/proc");
        Words words;

        while (config && next_process(proc, &words))
                if (has_terminal(&words, config))
                        return true;
        return false;
}

static void read_viewers(Viewers *ret) {
        _cleanup_closedir_ DIR *proc = opendir("/proc");
        Words words, *more;

        ret->is_read = true;
        while (next_process(proc, &words)) {
                if (!behind_word(&words, PROGRAM_ATTACH))
                        continue;
                more = reallocarray(ret->items, ret->n + 1, sizeof(Words));
                if (!more)
                        return;
                ret->items = more;
                ret->items[ret->n++] = words;
        }
}

unsigned viewers_count(Viewers *viewers, const char *runtime_dir, const char *id) {
        _cleanup_free_ char *config = runtime_path_vm_file(runtime_dir, id, "ssh.config");
        unsigned n = 0;

        if (!viewers->is_read)
                read_viewers(viewers);
        for (size_t i = 0; config && i < viewers->n; i++)
                n += behind_word(&viewers->items[i], config) != NULL;
        return n;
}

void viewers_done(Viewers *viewers) {
        free(viewers->items);
        *viewers = (Viewers) {};
}
