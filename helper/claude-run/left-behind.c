#include "helper/claude-run/left-behind.h"

#include <stdlib.h>

#include "helper/changes/changes.h"
#include "helper/claude-run/copies.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"

void left_behind_say(const Context *c, const char *id) {
        _cleanup_free_ char *path = NEED(changes_kept_path(c->runtime_dir, id)), *sentence = NULL;
        _cleanup_findings_ Findings changes = {};
        _cleanup_free_ char *copy = copies_find(id);

        if (copy)
                say_line(stderr,
                                "The agent worked on a copy, and the directory is as it was. What differs: claude-run diff %s",
                                id);

        if (findings_read(path, &changes) < 0 || changes_count(&changes) == 0)
                return;
        sentence = NEED(changes_sentence(&changes));
        say_line(stderr, "%s. Look first: claude-run changes %s", sentence, id);
}
