#include "helper/ssh/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/whole-file.h"

static const char *const directions[] = { "publish", "reverse" }, *const origins[] = { "added", "ini" };

static char *path_in(const char *vm_dir, const char *name) {
        return strjoin(vm_dir, "/", name, NULL);
}

int ports_lock(const char *vm_dir) {
        _cleanup_free_ char *path = path_in(vm_dir, "ports.lock");
        _cleanup_close_ int fd = -EBADF;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* The index of a word in a pair of words, -1 if it is neither. */
static int word_index(const char *const words[static 2], const char *word) {
        return strcmp(word, words[0]) == 0 ? 0 : strcmp(word, words[1]) == 0 ? 1 : -1;
}

static int parse_line(const char *line, PortEntry *ret) {
        char direction[16], text[PORT_FORWARD_TEXT_MAX + 1], origin[16];
        int d, o;

        if (sscanf(line, "%15s %62s %15s", direction, text, origin) != 3)
                return -EIO;
        d = word_index(directions, direction);
        o = word_index(origins, origin);
        if (d < 0 || o < 0 || port_forward_parse(text, &ret->forward) < 0)
                return -EIO;
        ret->reverse = d;
        ret->from_ini = o;
        return 0;
}

int ports_parse(char *text, PortList *ret) {
        char *line;

        ret->n = 0;
        while ((line = strsep(&text, "\n")) && line[0]) {
                int r;

                if (ret->n == PORTS_MAX)
                        return -E2BIG;
                r = parse_line(line, &ret->items[ret->n]);
                if (r < 0)
                        return r;
                ret->n++;
        }
        return 0;
}

int ports_read(const char *vm_dir, PortList *ret) {
        _cleanup_free_ char *path = path_in(vm_dir, "ports"), *text = NULL;
        int r;

        ret->n = 0;
        if (!path)
                return -ENOMEM;
        r = whole_file_read(path, PORTS_MAX * PORTS_LINE_MAX, &text);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : ports_parse(text, ret);
}

size_t ports_print(const PortList *list, char ret[static PORTS_MAX * PORTS_LINE_MAX]) {
        char one[PORT_FORWARD_TEXT_MAX];
        size_t size = 0;

        for (size_t i = 0; i < list->n; i++) {
                const PortEntry *e = &list->items[i];

                port_forward_print(&e->forward, one);
                size += (size_t) snprintf(ret + size, PORTS_LINE_MAX, "%s %s %s\n", directions[e->reverse],
                                one, origins[e->from_ini]);
        }
        return size;
}

int ports_write(const char *vm_dir, const PortList *list) {
        _cleanup_free_ char *path = path_in(vm_dir, "ports"), *new = path_in(vm_dir, "ports.new");
        char text[PORTS_MAX * PORTS_LINE_MAX];
        int r;

        if (!path || !new)
                return -ENOMEM;
        unlink(new);
        r = whole_file_create(new, 0600, text, ports_print(list, text));
        if (r < 0)
                return r;
        return rename(new, path) < 0 ? -errno : 0;
}

static bool has_host_port(const PortList *list, const PortEntry *e) {
        for (size_t i = 0; i < list->n; i++)
                if (!list->items[i].reverse && !e->reverse &&
                                list->items[i].forward.host_port == e->forward.host_port)
                        return true;
        return false;
}

int ports_take_added(const char *vm_dir, const char *other_dir) {
        PortList list, other;
        int r = ports_read(vm_dir, &list);

        if (r >= 0)
                r = ports_read(other_dir, &other);
        if (r < 0)
                return r;
        for (size_t i = 0; i < other.n && list.n < PORTS_MAX; i++)
                if (!other.items[i].from_ini && !has_host_port(&list, &other.items[i]))
                        list.items[list.n++] = other.items[i];
        return ports_write(vm_dir, &list);
}

void ports_print_entry(const PortEntry *e, char ret[static PORT_FORWARD_TEXT_MAX + 16]) {
        char host[PORT_FORWARD_TEXT_MAX];

        port_forward_print_host(&e->forward, host);
        /* connect to the guest's loopback: a service there may listen on nothing else */
        if (e->reverse)
                snprintf(ret, PORT_FORWARD_TEXT_MAX + 16, "localhost:%u:%s", e->forward.guest_port, host);
        else
                snprintf(ret, PORT_FORWARD_TEXT_MAX + 16, "%s:localhost:%u", host, e->forward.guest_port);
}
