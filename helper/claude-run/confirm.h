/* The question before something is thrown away. */
#pragma once

#include <stdbool.h>

#include "helper/claude-run/context.h"

/* True if a user is at the terminal. */
bool confirm_is_possible(void);

/* 0 if the user has said --yes or can be asked; else an exit status, and `what` ("rm asks first") is said as
 * the reason. */
int confirm_check(const Context *c, const char *what);

/* True if the user has said --yes, or says so now. The question must not have a guest's bytes. */
bool confirm_ask(const Context *c, const char *question);
