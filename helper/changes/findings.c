/* A file of findings has one line that says whether the list is complete, and then for each finding a line
 * of three numbers (kind, changed, size of the value) and place, name and value with a NUL after each: names
 * of a guest may have any byte but NUL. */

#include "helper/changes/findings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/whole-file.h"

#define FILE_MAX (16U * 1024 * 1024) /* more than the limits of a list come to */

static void finding_done(Finding *f) {
        free(f->place);
        free(f->name);
        free(f->value);
}

void findings_done(Findings *f) {
        for (size_t i = 0; i < f->n; i++)
                finding_done(&f->items[i]);
        free(f->items);
        *f = (Findings) {};
}

static char *copy_bytes(const char *bytes, size_t size) {
        char *copy = malloc(size + 1);

        if (copy) {
                memcpy(copy, bytes, size);
                copy[size] = '\0';
        }
        return copy;
}

int findings_add(Findings *f, FindingKind kind, const char *place, const char *name, const char *value,
                size_t size) {
        Finding new = { .kind = kind, .size = size }, *grown;
        size_t bytes = strlen(place) + strlen(name) + size;

        if (f->n >= FINDINGS_MAX || bytes > FINDINGS_BYTES_MAX - f->bytes) {
                f->is_incomplete = true;
                return 0;
        }
        /* doubled: the length is a power of two whenever there is no room left */
        grown = (f->n & (f->n - 1)) == 0 ? reallocarray(f->items, f->n ? 2 * f->n : 1, sizeof(Finding))
                                         : f->items;
        if (!grown)
                return -ENOMEM;
        f->items = grown;
        new.place = strdup(place);
        new.name = strdup(name);
        new.value = copy_bytes(value, size);
        if (!new.place || !new.name || !new.value) {
                finding_done(&new);
                return -ENOMEM;
        }
        f->items[f->n++] = new;
        f->bytes += bytes;
        return 0;
}

/* By what it is, without its value. */
static int compare_names(const Finding *a, const Finding *b) {
        int r = (a->kind > b->kind) - (a->kind < b->kind);

        r = r ?: strcmp(a->place, b->place);
        return r ?: strcmp(a->name, b->name);
}

static int compare(const void *left, const void *right) {
        const Finding *a = left, *b = right;
        int r = compare_names(a, b);

        r = r ?: (a->size > b->size) - (a->size < b->size);
        return r ?: memcmp(a->value, b->value, a->size);
}

static int compare_names_of(const void *left, const void *right) {
        return compare_names(left, right);
}

void findings_sort(Findings *f) {
        if (f->n > 0)
                qsort(f->items, f->n, sizeof(Finding), compare);
}

static bool has(const Findings *f, const Finding *wanted, int (*how)(const void *, const void *)) {
        return f->n > 0 && bsearch(wanted, f->items, f->n, sizeof(Finding), how);
}

int findings_compare(const Findings *before, const Findings *now, Findings *ret) {
        _cleanup_findings_ Findings changes = {
                .is_incomplete = before->is_incomplete || now->is_incomplete,
        };

        for (size_t i = 0; i < now->n; i++) {
                const Finding *f = &now->items[i];
                size_t n = changes.n;

                if (f->kind != FINDING_DIRECTORY && has(before, f, compare))
                        continue;
                if (findings_add(&changes, f->kind, f->place, f->name, f->value, f->size) < 0)
                        return -ENOMEM;
                if (changes.n > n)
                        changes.items[n].is_changed = has(before, f, compare_names_of);
        }
        *ret = changes;
        changes = (Findings) {};
        return 0;
}

static void print(FILE *file, const Finding *f, bool with_content) {
        size_t size = f->kind == FINDING_FILE && !with_content ? 0 : f->size;

        fprintf(file, "%d %d %zu\n", (int) f->kind, f->is_changed, size);
        fwrite(f->place, 1, strlen(f->place) + 1, file);
        fwrite(f->name, 1, strlen(f->name) + 1, file);
        fwrite(f->value, 1, size, file);
        fputc('\0', file);
}

int findings_write(const Findings *f, const char *path, bool with_content) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        if (!file)
                return -ENOMEM;
        fprintf(file, "%s\n", f->is_incomplete ? "incomplete" : "complete");
        for (size_t i = 0; i < f->n; i++)
                print(file, &f->items[i], with_content);
        if (fclose(file) != 0)
                return -ENOMEM;
        unlink(path);
        return whole_file_create(path, 0600, text, size);
}

/* A part that ends with NUL; NULL: there is none. */
static const char *take_text(const char **at, const char *end) {
        const char *text = *at, *nul = memchr(text, '\0', (size_t) (end - text));

        if (!nul)
                return NULL;
        *at = nul + 1;
        return text;
}

static int read_one(const char **at, const char *end, Findings *f) {
        const char *line = *at, *newline = memchr(line, '\n', (size_t) (end - line)), *place, *name;
        unsigned kind, changed;
        size_t size, n = f->n;

        if (!newline || sscanf(line, "%u %u %zu\n", &kind, &changed, &size) != 3 || kind >= N_FINDING_KINDS)
                return -EBADMSG;
        *at = newline + 1;
        place = take_text(at, end);
        name = place ? take_text(at, end) : NULL;
        if (!name || size >= (size_t) (end - *at) || (*at)[size] != '\0')
                return -EBADMSG;
        if (findings_add(f, kind, place, name, *at, size) < 0)
                return -ENOMEM;
        if (f->n > n)
                f->items[n].is_changed = changed;
        *at += size + 1;
        return 0;
}

int findings_read(const char *path, Findings *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        _cleanup_findings_ Findings f = {};
        _cleanup_free_ char *text = NULL;
        const char *at, *newline;
        size_t size = 0;
        int r = fd < 0 ? -errno : whole_file_read_fd(fd, FILE_MAX, &text, &size);

        if (r < 0 || !text)
                return r;
        newline = memchr(text, '\n', size);
        if (!newline)
                return -EBADMSG;
        for (at = newline + 1; r >= 0 && at < text + size;)
                r = read_one(&at, text + size, &f);
        if (r < 0)
                return r;
        f.is_incomplete = f.is_incomplete || strncmp(text, "incomplete", strlen("incomplete")) == 0;
        *ret = f;
        f = (Findings) {};
        return 0;
}
