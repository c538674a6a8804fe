/* An agent's home has its login, its history and the settings that it obeys. The default ones lie in our own
 * data directory, of which no ini gets more than one home by name (user-paths.c); what is left are homes
 * that an ini names. Two projects have one home if they have one work directory, or if both of them name it:
 * who writes the same line twice means it. An ini that names the home which another project has by default,
 * or shares a directory in which homes lie, is an error, and the error is that ini's, not that of the
 * project whose home it is. */

#include "generator/agent-homes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* A home, borrowed from its project. */
typedef struct AgentHome {
        const char *directory;
        const Project *project;
} AgentHome;

typedef struct AgentHomes {
        AgentHome *items;
        size_t n;
} AgentHomes;

static bool names_home(const Project *p) {
        return p->messages.n_errors == 0 && p->lines[SETTING_HOME] > 0;
}

static int compare_homes(const void *a, const void *b) {
        const AgentHome *x = a, *y = b;
        int r = strcmp(x->directory, y->directory);

        return r != 0 ? r : strcmp(x->project->path, y->project->path);
}

/* Requests come and go, and a project does not depend on them. */
static int collect(Project *const *projects, size_t n, AgentHomes *ret) {
        ret->items = calloc(n, sizeof(AgentHome));
        if (!ret->items)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (projects[i]->messages.n_errors == 0 && !projects[i]->is_request)
                        ret->items[ret->n++] =
                                        (AgentHome) { projects[i]->values[SETTING_HOME], projects[i] };
        if (ret->n > 0)
                qsort(ret->items, ret->n, sizeof(AgentHome), compare_homes);
        return 0;
}

/* The first home that does not sort before `directory`. */
static size_t find_first(const AgentHomes *homes, const char *directory) {
        size_t low = 0, high = homes->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(homes->items[middle].directory, directory) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Whether both may have one home: they have one work directory, or both of them name it. */
static bool may_share(const Project *p, const Project *other) {
        return p == other ||
                        strcmp(p->values[SETTING_WORK_DIRECTORY], other->values[SETTING_WORK_DIRECTORY]) ==
                        0 ||
                        (p->lines[SETTING_HOME] > 0 && other->lines[SETTING_HOME] > 0);
}

/* The home of another project that `directory` is or lies in, or NULL. */
static const AgentHome *find_above(const AgentHomes *homes, const Project *p, const char *directory) {
        _cleanup_free_ char *above = strdup(directory);
        char *slash;

        do {
                for (size_t i = above ? find_first(homes, above) : homes->n;
                                i < homes->n && strcmp(homes->items[i].directory, above) == 0; i++)
                        if (homes->items[i].project != p)
                                return &homes->items[i];
                slash = above ? strrchr(above, '/') : NULL;
                if (slash)
                        *slash = '\0';
        } while (slash && slash > above);
        return NULL;
}

/* The home of another project in `directory`, or NULL. */
static const AgentHome *find_below(const AgentHomes *homes, const Project *p, const char *directory) {
        size_t n = strlen(directory);
        _cleanup_free_ char *first = calloc(1, n + 2);

        if (!first)
                return NULL;
        memcpy(first, directory, n);
        first[n] = '/';
        for (size_t i = find_first(homes, first);
                        i < homes->n && strncmp(homes->items[i].directory, first, n + 1) == 0; i++)
                if (homes->items[i].project != p)
                        return &homes->items[i];
        return NULL;
}

/* Returns a project that has the same home and does not expect it, or NULL. */
static const AgentHome *find_same(const AgentHomes *homes, const Project *p) {
        for (size_t i = find_first(homes, p->values[SETTING_HOME]);
                        i < homes->n && strcmp(homes->items[i].directory, p->values[SETTING_HOME]) == 0; i++)
                if (!may_share(p, homes->items[i].project))
                        return &homes->items[i];
        return NULL;
}

static void refuse_share(Project *p, const Share *share, const char *relation, const AgentHome *home,
                const char *remedy) {
        messages_error(&p->messages, share->line,
                        "the directory '%s' of the share '%s' %s '%s', the agent's home of %s, whose login its guest would have: take another directory%s",
                        share->directory, share->tag, relation, home->directory, home->project->path,
                        remedy);
}

static const Share *home_of(const Project *p) {
        for (size_t i = 0; i < p->n_shares; i++)
                if (strcmp(p->shares[i].tag, "home") == 0)
                        return &p->shares[i];
        return NULL;
}

/* Of a home in another home it is the outer one that has both. */
static void check_home(const AgentHomes *homes, Project *p) {
        const AgentHome *same = find_same(homes, p), *below = find_below(homes, p, p->values[SETTING_HOME]);

        if (same)
                refuse_share(p, home_of(p), "is", same, ", or name it in both files to have one home");
        else if (below)
                refuse_share(p, home_of(p), "holds", below, "");
}

static void check_share(const AgentHomes *homes, Project *p, const Share *share) {
        const AgentHome *above = find_above(homes, p, share->directory),
                        *below = find_below(homes, p, share->directory);

        if (above)
                refuse_share(p, share, strcmp(above->directory, share->directory) == 0 ? "is" : "lies in",
                                above, "");
        else if (below)
                refuse_share(p, share, "holds", below, "");
}

static void check_shares(const AgentHomes *homes, Project *p) {
        const Share *home = home_of(p);

        for (size_t i = 0; i < p->n_shares; i++)
                if (&p->shares[i] != home && p->shares[i].line > 0)
                        check_share(homes, p, &p->shares[i]);
}

/* All projects that are good so far, against the homes of those. */
static int check_all(Project *const *projects, size_t n, const Project *only,
                bool (*is_asked)(const Project *p), void (*check)(const AgentHomes *homes, Project *p)) {
        AgentHomes homes = {};
        int r = collect(projects, n, &homes);

        for (size_t i = 0; r >= 0 && i < n; i++)
                if ((!only || projects[i] == only) && projects[i]->messages.n_errors == 0 &&
                                is_asked(projects[i]))
                        check(&homes, projects[i]);
        free(homes.items);
        return r;
}

static bool is_any(const Project *p) {
        return true;
}

int agent_homes_check(Project *const *projects, size_t n, const Project *only) {
        bool needed = false;
        int r;

        /* the default homes are out of everybody's reach */
        for (size_t i = 0; i < n; i++)
                needed |= names_home(projects[i]);
        if (!needed)
                return 0;
        r = check_all(projects, n, only, names_home, check_home);
        return r < 0 ? r : check_all(projects, n, only, is_any, check_shares);
}
