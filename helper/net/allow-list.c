#include "helper/net/allow-list.h"

#include <errno.h>
#include <string.h>

#include "common/strjoin.h"
#include "common/whole-file.h"
#include "common/why.h"
#include "config.h"

#define LIST_SIZE_MAX (256U * 1024U)

static int too_many(int r, char **ret_why) {
        return r == -E2BIG ? why_say(ret_why, -EINVAL, "Allow= has more than %u words", POLICY_RULES_MAX)
                           : r;
}

/* A list names no further list: it says all that it allows. */
static int add_line(Policy *p, const char *path, unsigned number, char *line, const char *list, bool added,
                char **ret_why) {
        char why[ALLOW_WHY_MAX];
        AllowRule rule;

        line += strspn(line, " \t\r");
        line[strcspn(line, " \t\r#")] = '\0';
        if (!*line)
                return 0;
        if (allow_rule_parse(line, &rule, why) < 0)
                return why_say(ret_why, -EINVAL, "%s:%u: '%s': %s", path, number, line, why);
        if (rule.kind == ALLOW_LIST)
                return why_say(ret_why, -EINVAL, "%s:%u: '%s': a list cannot have another list in it", path,
                                number, line);
        return too_many(policy_add(p, &rule, list, added), ret_why);
}

static int add_file(Policy *p, const char *path, const char *list, bool added, char **ret_why) {
        _cleanup_free_ char *text = NULL;
        unsigned number = 0;
        char *rest, *line;
        int r = whole_file_read(path, LIST_SIZE_MAX, &text);

        if (r == -ENOENT)
                return r;
        if (r < 0)
                return why_say(ret_why, -EINVAL, "Failed to read '%s': %s", path, strerror(-r));
        rest = text;
        while (r >= 0 && (line = strsep(&rest, "\n")))
                r = add_line(p, path, ++number, line, list, added, ret_why);
        return r < 0 ? r : 0;
}

int allow_list_add(Policy *p, const char *name, const char *config_home, bool added, char **ret_why) {
        _cleanup_free_ char *own = strjoin(config_home, "/claude-microvm/lists/", name, ".list", NULL),
                            *system = strjoin(SYSTEM_CONFIG_DIR "/lists/", name, ".list", NULL),
                            *installed = strjoin(LISTS_DIR "/", name, ".list", NULL);
        const char *const paths[] = { own, system, installed };
        int r = own && system && installed ? -ENOENT : -ENOMEM;

        for (size_t i = 0; r == -ENOENT && i < ELEMENTSOF(paths); i++)
                r = add_file(p, paths[i], name, added, ret_why);
        if (r == -ENOENT)
                return why_say(ret_why, -EINVAL, "There is no list '%s': looked for %s, %s and %s", name,
                                own, system, installed);
        return r;
}

int allow_list_add_word(Policy *p, const char *word, const char *config_home, bool added, char **ret_why) {
        char why[ALLOW_WHY_MAX];
        AllowRule rule;

        if (allow_rule_parse(word, &rule, why) < 0)
                return why_say(ret_why, -EINVAL, "Allow=%s: %s", word, why);
        if (rule.kind == ALLOW_LIST)
                return allow_list_add(p, rule.name, config_home, added, ret_why);
        return too_many(policy_add(p, &rule, "", added), ret_why);
}
