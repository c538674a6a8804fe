/* The guest mounts the work directory at its host path. A path that one side writes down (a virtual
 * environment, a build directory, an editor's link) then means the same on the other side. /work links to
 * it. The guest makes the directories above it, empty. The generator falls back to /work if the host path
 * would hide a part of the guest or of another share. It reports no error then, because no line of the ini
 * names that path. */

#include "generator/guest-places.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/path.h"
#include "common/printable.h"
#include "common/strjoin.h"
#include "common/user-config.h"
#include "generator/paths.h"

#define MOUNT_UNIT_MAX 240U /* without `.mount`: a guest of systemd's names a unit after the path */

/* The guest's own, with all that is in them. */
static const char *const taken[] = { "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32",
        "/nix", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var/lib/claude-vm",
        USER_CONFIG_GUEST_DIRECTORY };

/* These themselves, and what they are in. */
static const char *const needed[] = { "/home/claude", "/var/lib" };

/* As systemd-escape --path spells it. */
static size_t length_of_unit(const char *path) {
        size_t n = 0;

        for (; *path; path++)
                n += strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_./", *path) ? 1
                                                                                                         : 4;
        return n;
}

static const char *refused_text(const UserPaths *paths, const char *path) {
        _cleanup_free_ char *normal = NULL;
        const char *why;

        if (path[0] != '/')
                return "must be an absolute directory";
        if (path_parse(paths->home, path, &normal, &why) < 0 || strcmp(normal, path) != 0)
                return "must be an absolute directory, without '..', '.' and superfluous slashes";
        /* a colon ends it in the drop-in, the others mean something in fstab */
        if (strpbrk(path, ":\"\\") || printable_check(path))
                return "must not contain ':', '\"', '\\' or a character that cannot be printed";
        return length_of_unit(path) > MOUNT_UNIT_MAX ? "is too long" : NULL;
}

const char *guest_place_refused(const UserPaths *paths, const char *path) {
        const char *why = refused_text(paths, path);

        if (why)
                return why;
        for (size_t i = 0; i < ELEMENTSOF(taken); i++)
                if (path_is_in(path, taken[i]))
                        return "would hide a part of the guest's own system";
        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                if (path_is_in(needed[i], path))
                        return "would hide a part of the guest's own system";
        return NULL;
}

/* The agent's home is a share: a directory in it would be made on the host, too. */
const char *guest_place_refused_for_work(const UserPaths *paths, const char *path) {
        const char *why = guest_place_refused(paths, path);

        if (why)
                return why;
        if (path_is_in(path, "/home/claude"))
                return "lies in the agent's home, which is another directory of the host";
        return path_is_in(path, GUEST_WORK) && strcmp(path, GUEST_WORK) != 0
                        ? "lies in " GUEST_WORK ", which is the other name of the work directory"
                        : NULL;
}

void parse_guest_directory(Parser *parser, const Setting *key, const char *value) {
        char **target = &parser->project->values[key - settings];
        bool is_same = strcmp(value, "same") == 0;
        const char *why = is_same ? NULL : guest_place_refused_for_work(parser->paths, value);

        if (why) {
                refuse(parser,
                                "%s=%s: %s: take another directory of the guest, like " GUEST_WORK
                                ", or leave the line out",
                                key->key, value, why);
                return;
        }
        free(*target);
        *target = is_same ? NULL : strdup(value);
        parser->out_of_memory |= !is_same && !*target;
}

/* The host's path, if no other share is there or above it. */
static const char *default_place(const Parser *parser) {
        const Project *p = parser->project;
        const char *path = p->values[SETTING_WORK_DIRECTORY];

        if (guest_place_refused_for_work(parser->paths, path))
                return GUEST_WORK;
        for (size_t i = 0; i < p->n_shares; i++)
                if (path_is_in(path, p->shares[i].guest_directory))
                        return GUEST_WORK;
        return path;
}

/* /work is a link, and nothing is mounted below a link. */
static void move_below(Parser *parser, Share *share, const char *place) {
        char *moved;

        if (!path_is_in(share->guest_directory, GUEST_WORK) || strcmp(place, GUEST_WORK) == 0)
                return;
        moved = strjoin(place, share->guest_directory + strlen(GUEST_WORK), NULL);
        if (!moved) {
                parser->out_of_memory = true;
                return;
        }
        free(share->guest_directory);
        share->guest_directory = moved;
        if (length_of_unit(moved) <= MOUNT_UNIT_MAX)
                return;
        parser->line = share->line;
        refuse(parser, "Share=%s:%s:%s: is in the work directory, whose path makes this too long: take another place in the guest",
                        share->tag, share->directory, moved);
}

/* Of a share that is where the work directory or an earlier share is. */
static void check_place(Parser *parser, const Share *share, const char *place) {
        const Project *p = parser->project;
        const char *tag = strcmp(share->guest_directory, place) == 0 ? "work" : NULL;

        for (const Share *other = p->shares; !tag && other < share; other++)
                if (strcmp(other->guest_directory, share->guest_directory) == 0)
                        tag = other->tag;
        if (!tag)
                return;
        parser->line = share->line;
        refuse(parser, "Share=%s:%s:%s: would hide the share '%s', which is at '%s' too: take another place in the guest",
                        share->tag, share->directory, share->guest_directory, tag, share->guest_directory);
}

void guest_places_complete(Parser *parser) {
        Project *p = parser->project;
        char **place = &p->values[SETTING_GUEST_DIRECTORY];

        if (!*place)
                *place = strdup(default_place(parser));
        if (!*place) {
                parser->out_of_memory = true;
                return;
        }
        for (size_t i = 0; i < p->n_shares; i++)
                move_below(parser, &p->shares[i], *place);
        for (size_t i = 0; i < p->n_shares; i++)
                check_place(parser, &p->shares[i], *place);
}
