/* What a guest has left in its shares that programs of the host obey: new or changed since its VM started.
 */
#pragma once

#include "helper/changes/findings.h"

/* Writes down what the directories have now, for the file `snapshot`. The first is the work directory, whose
 * names stand without it, or NULL if the guest cannot write to it. 0, negative errno. */
int changes_begin(const char *snapshot, const char *const directories[], size_t n);

/* Looks again, and compares. The first of `ret` are the directories. 0; -ENOENT: there is no snapshot; other
 * negative errno. */
int changes_find(const char *snapshot, Findings *ret);

/* Number of changes: without the directories. */
size_t changes_count(const Findings *changes);

/* One line that names the first of them, without control characters. Owned; NULL without memory. */
char *changes_sentence(const Findings *changes);

/* What the change is, for people: "setting", "program" … */
const char *changes_kind(FindingKind kind);

/* Where the changes of a VM that has ended are kept until its next start, or the end of the user's session;
 * the directory of these files if `id` is NULL. Owned; NULL without memory. */
char *changes_kept_path(const char *runtime_dir, const char *id);

/* At the VM's end: compares, and keeps the changes if there are any. 0 as above; negative errno. */
int changes_end(const char *runtime_dir, const char *id, Findings *ret);
