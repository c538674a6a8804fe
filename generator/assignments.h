/* Lists of NAME=VALUE. */
#pragma once

#include "generator/parser.h"

void assignments_add(Parser *parser, AssignmentList *list, const char *name, const char *value);
bool assignments_have(const AssignmentList *list, const char *name);

/* Takes out what the current line replaces: a default, and in a request any earlier line, because what the
 * options say counts. */
void assignments_replace(const Parser *parser, AssignmentList *list, const char *name);
void assignments_free(AssignmentList *list);
