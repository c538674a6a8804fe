/* Suspended VMs of this user, as claude-run shows them. */
#pragma once

#include <stdbool.h>

#include "helper/suspend/state.h"

#define SUSPENDED_TEXT_MAX 96U

bool suspended_exists(const char *id);

/* False if the VM is not suspended. */
bool suspended_look(const char *id, StateInfo *ret);

/* "suspended since 2026-11-26 14:03, 315M on the disk". False if it is not. */
bool suspended_print(const char *id, char ret[static SUSPENDED_TEXT_MAX]);

/* 0; -ENOENT: it is not suspended; other negative errno. */
int suspended_remove(const char *id);
int suspended_rename(const char *id, const char *new_id);

/* All of them, owned; NULL if there is none. */
char **suspended_list(void);
