#include "generator/assignments.h"

#include <stdlib.h>
#include <string.h>

#include "generator/parser.h"

void assignments_add(Parser *parser, AssignmentList *list, const char *name, const char *value) {
        Assignment *grown = reallocarray(list->items, list->n + 1, sizeof(Assignment));
        Assignment assignment = { strdup(name), strdup(value), parser->line };

        if (grown)
                list->items = grown;
        if (!grown || !assignment.name || !assignment.value) {
                parser->out_of_memory = true;
                free(assignment.name);
                free(assignment.value);
                return;
        }
        list->items[list->n++] = assignment;
}

bool assignments_have(const AssignmentList *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i].name, name) == 0)
                        return true;
        return false;
}

static bool is_replaced(const Parser *parser, const Assignment *a) {
        return parser->project->is_request || PLACE_FILE(a->line) != parser->file;
}

void assignments_replace(const Parser *parser, AssignmentList *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i].name, name) == 0 && is_replaced(parser, &list->items[i])) {
                        free(list->items[i].name);
                        free(list->items[i].value);
                        list->items[i] = list->items[--list->n];
                        return;
                }
}

void assignments_free(AssignmentList *list) {
        for (size_t i = 0; i < list->n; i++) {
                free(list->items[i].name);
                free(list->items[i].value);
        }
        free(list->items);
}
