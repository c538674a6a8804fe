#include "helper/claude-run/left-behind.h"

#include <stdlib.h>

#include "helper/changes/changes.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"

void left_behind_say(const Context *c, const char *id) {
        _cleanup_free_ char *path = NEED(changes_kept_path(c->runtime_dir, id)), *sentence = NULL;
        _cleanup_findings_ Findings changes = {};

        if (findings_read(path, &changes) < 0 || changes_count(&changes) == 0)
                return;
        sentence = NEED(changes_sentence(&changes));
        say_line(stderr, "%s. Look first: claude-run changes %s", sentence, id);
}
