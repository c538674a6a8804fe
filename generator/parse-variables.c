/* Variables of the agent, from three sections. */

#include "common/cleanup.h"
#include "generator/assignments.h"
#include "generator/parser.h"
#include "generator/paths.h"

#define VARIABLES_MAX 512U /* of the agent */

/* Each name has one value, no matter which section sets it. */
static bool check_variable(Parser *parser, const char *name) {
        Project *p = parser->project;
        AssignmentList *const lists[] = { &p->environment, &p->credentials, &p->encrypted_credentials,
                &p->caller_credentials };
        bool assigned = false;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                assignments_replace(parser, lists[i], name);
                assigned |= assignments_have(lists[i], name);
                n += lists[i]->n;
        }
        if (n >= VARIABLES_MAX)
                refuse(parser, "%s=: more than %u variables", name, VARIABLES_MAX);
        else if (name[0] >= '0' && name[0] <= '9')
                refuse(parser, "%s: the name of a variable must not begin with a digit", name);
        else if (assigned)
                refuse(parser, "%s: is set twice: keep one of the lines", name);
        else
                return true;
        return false;
}

void parse_environment(Parser *parser, const char *name, const char *value) {
        if (check_variable(parser, name))
                assignments_add(parser, &parser->project->environment, name, value);
}

/* Reads NAME alone: its value comes from the environment of the claude-run that starts the VM. */
static void parse_caller_credential(Parser *parser, const char *name) {
        if (check_variable(parser, name))
                assignments_add(parser, &parser->project->caller_credentials, name, "");
}

static void parse_credential(Parser *parser, AssignmentList *list, const char *name, const char *value) {
        _cleanup_free_ char *path = NULL, *canonical = NULL;
        const char *why = NULL;

        if (!check_variable(parser, name))
                return;
        if (path_parse(parser->paths->home, value, &path, &why) < 0)
                refuse(parser, "%s=%s: must name the file with the secret; the path %s", name, value,
                                why ?: "needs memory");
        else if ((canonical = resolve_file(parser, name, value, path)))
                assignments_add(parser, list, name, canonical);
}

void parse_credentials(Parser *parser, const char *name, const char *value) {
        if (!value[0])
                parse_caller_credential(parser, name);
        else
                parse_credential(parser, &parser->project->credentials, name, value);
}

void parse_encrypted_credentials(Parser *parser, const char *name, const char *value) {
        parse_credential(parser, &parser->project->encrypted_credentials, name, value);
}
