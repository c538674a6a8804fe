#include "helper/claude-run/suspended.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/claude-run/local-time.h"
#include "helper/claude-run/memory.h"

static char *home(void) {
        return NEED(state_home());
}

bool suspended_look(const char *id, StateInfo *ret) {
        _cleanup_free_ char *dir = home();

        return state_look(dir, id, ret) >= 0;
}

bool suspended_exists(const char *id) {
        StateInfo info;

        return suspended_look(id, &info);
}

bool suspended_print(const char *id, char ret[static SUSPENDED_TEXT_MAX]) {
        char when[LOCAL_TIME_MAX];
        StateInfo info;

        if (!suspended_look(id, &info))
                return false;
        local_time_print(info.since_usec, LOCAL_MINUTE, when);
        snprintf(ret, SUSPENDED_TEXT_MAX, "suspended since %s, %lluM on the disk", when,
                        (unsigned long long) (info.bytes >> 20));
        return true;
}

int suspended_remove(const char *id) {
        _cleanup_free_ char *dir = home();

        return state_remove(dir, id);
}

int suspended_rename(const char *id, const char *new_id) {
        _cleanup_free_ char *dir = home();

        return state_rename(dir, id, new_id);
}

char **suspended_list(void) {
        _cleanup_free_ char *dir = home();
        _cleanup_strv_free_ char **names = NULL;

        return state_list(dir, &names) < 0 ? NULL : TAKE_PTR(names);
}
