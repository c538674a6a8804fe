/* Lists of NAME=VALUE. */
#pragma once

#include "generator/parser.h"

void assignments_add(Parser *parser, AssignmentList *list, const char *name, const char *value);
bool assignments_have(const AssignmentList *list, const char *name);

/* Takes out the first of two; what a request's options say counts. */
void assignments_remove(AssignmentList *list, const char *name);
void assignments_free(AssignmentList *list);
