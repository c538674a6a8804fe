/* `claude-run ports`: what is forwarded, on a VM that runs. ssh's master does it; the list is a file beside
 * it. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/run-program.h"
#include "common/runtime-path.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/json.h"
#include "helper/ssh/ports.h"

static int print_json(const PortList *list) {
        _cleanup_json_ sd_json_variant *array = NULL;
        int r = sd_json_variant_new_array(&array, NULL, 0);

        for (size_t i = 0; r >= 0 && i < list->n; i++) {
                const PortEntry *e = &list->items[i];

                r = sd_json_variant_append_arraybo(&array,
                                SD_JSON_BUILD_PAIR_STRING("direction", e->reverse ? "reverse" : "publish"),
                                SD_JSON_BUILD_PAIR_STRING("address", e->forward.address),
                                SD_JSON_BUILD_PAIR_UNSIGNED("hostPort", e->forward.host_port),
                                SD_JSON_BUILD_PAIR_UNSIGNED("guestPort", e->forward.guest_port),
                                SD_JSON_BUILD_PAIR_STRING("origin", e->from_ini ? "ini" : "added"));
        }
        return r < 0 ? r : sd_json_variant_dump(array, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
}

static int print_list(const PortList *list) {
        say_line(stdout, "%-10s %-28s %-10s %s", "DIRECTION", "HOST", "GUEST", "ORIGIN");
        for (size_t i = 0; i < list->n; i++) {
                const PortEntry *e = &list->items[i];
                char host[PORT_FORWARD_TEXT_MAX];

                snprintf(host, sizeof(host), "%s:%u", e->forward.address, e->forward.host_port);
                say_line(stdout, "%-10s %-28s %-10u %s", e->reverse ? "reverse" : "publish", host,
                                e->forward.guest_port, e->from_ini ? "ini" : "added");
        }
        return 0;
}

/* Asks the master: "forward" or "cancel". Its objections are on stderr. */
static int ask_master(const Context *c, const char *id, const char *command, const PortEntry *e) {
        _cleanup_free_ char *config = NEED(runtime_path_vm_file(c->runtime_dir, id, "ssh.config"));
        char text[PORT_FORWARD_TEXT_MAX + 16];
        const char *const argv[] = { c->options->ssh, "-F", config, "-O", command, e->reverse ? "-R" : "-L",
                text, "claude-vm", NULL };

        ports_print_entry(e, text);
        return run_program(argv, -1);
}

static bool same_port(const PortEntry *a, const PortEntry *b) {
        if (a->reverse != b->reverse)
                return false;
        return a->reverse ? a->forward.guest_port == b->forward.guest_port
                          : port_forward_same_host_port(&a->forward, &b->forward);
}

static PortEntry *find(PortList *list, const PortEntry *e) {
        for (size_t i = 0; i < list->n; i++)
                if (same_port(&list->items[i], e))
                        return &list->items[i];
        return NULL;
}

static int change_failed(const char *what, const char *word, int r) {
        return r < 0 ? fail(EXIT_FAILURE, "Failed to %s '%s': %s", what, word, strerror(-r))
                     : fail(EXIT_FAILURE, "Failed to %s '%s'; ssh's message is above", what, word);
}

static int add(Context *c, const char *id, const char *vm_dir, PortList *list, const PortEntry *e,
                const char *word) {
        int r;

        if (find(list, e))
                return fail(EXIT_FAILURE,
                                "Failed to add '%s': this port is already forwarded; see: claude-run ports %s",
                                word, id);
        if (list->n == PORTS_MAX)
                return fail(EXIT_FAILURE, "Failed to add '%s': %u ports are already forwarded", word,
                                PORTS_MAX);
        r = ask_master(c, id, "forward", e);
        if (r == 0) {
                list->items[list->n++] = *e;
                r = ports_write(vm_dir, list);
        }
        if (r > 0 && !e->reverse && e->forward.host_port < 1024)
                fail(0, "ports below 1024 are for root; take another one for the guest's, like %u:%u",
                                8000 + e->forward.host_port, e->forward.guest_port);
        return r != 0 ? change_failed("add", word, r) : 0;
}

static int take_away(Context *c, const char *id, const char *vm_dir, PortList *list, const PortEntry *e,
                const char *word) {
        PortEntry *found = find(list, e), entry;
        int r;

        if (!found)
                return fail(EXIT_FAILURE,
                                "Failed to remove '%s': it is not forwarded; see: claude-run ports %s", word,
                                id);
        entry = *found;
        *found = list->items[--list->n];
        r = ports_write(vm_dir, list);
        if (r == 0)
                r = ask_master(c, id, "cancel", &entry);
        return r != 0 ? change_failed("remove", word, r) : 0;
}

/* "add", "reverse", "remove" and the port. A port alone is enough to remove one. */
static int change(Context *c, const char *id, const char *vm_dir, PortList *list, const char *action,
                const char *word) {
        PortEntry e = { .reverse = strcmp(action, "reverse") == 0 };

        if (port_forward_parse(word, &e.forward) < 0)
                return fail(EXIT_USAGE,
                                "'%s' is not a port: write [ADDRESS:]HOSTPORT:GUESTPORT, or PORT for both",
                                word);
        if (strcmp(action, "remove") != 0)
                return add(c, id, vm_dir, list, &e, word);
        if (!find(list, &e))
                e.reverse = true;
        return take_away(c, id, vm_dir, list, &e, word);
}

static bool is_action(const char *word) {
        return strcmp(word, "add") == 0 || strcmp(word, "remove") == 0 || strcmp(word, "reverse") == 0;
}

/* [NAME] [add|remove|reverse PORT…] */
int verb_ports(Context *c) {
        _cleanup_free_ char *id = NULL, *vm_dir = NULL;
        _cleanup_close_ int lock = -EBADF;
        const RunOptions *o = c->options;
        unsigned first = o->n_words > 0 && !is_action(o->words[0]);
        PortList list;
        int r;

        if (o->n_words > first && (!is_action(o->words[first]) || o->n_words == first + 1))
                return fail(EXIT_USAGE, "claude-run ports [NAME] [add|remove|reverse PORT…]");
        r = first ? which_vm_resolve(c, o->words[0], &id) : which_vm_here(c, &id);
        if (r != 0)
                return r;
        if (!id || !which_vm_has_sessions(c, id))
                return fail(EXIT_FAILURE,
                                "VM '%s' is not running; the ports of its ini are forwarded when it runs",
                                id ?: ".");
        vm_dir = NEED(runtime_path_vm(c->runtime_dir, id));
        lock = ports_lock(vm_dir);
        r = lock < 0 ? lock : ports_read(vm_dir, &list);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to read the ports of '%s': %s", id, strerror(-r));
        if (o->n_words <= first) {
                r = o->json ? print_json(&list) : print_list(&list);
                return r < 0 ? fail(EXIT_FAILURE, "Failed to print: %s", strerror(-r)) : 0;
        }
        for (unsigned i = first + 1; i < o->n_words; i++) {
                r = change(c, id, vm_dir, &list, o->words[first], o->words[i]);
                if (r != 0)
                        return r;
        }
        return 0;
}
