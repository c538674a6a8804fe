/* The names of disks: files in DATA_HOME/claude-microvm/disks. */
#pragma once

#include <limits.h>

#define DISK_DIRECTORY "disks"
#define DISK_NAME_MAX (NAME_MAX + 1U)

/* The file of a project's disk, or of its snapshot `tag` (NULL: the disk). Both words are valid names of
 * projects, so no file is the disk of one and the snapshot of another. 0; -EINVAL: a word is not. */
int disk_name_make(const char *project, const char *tag, char ret[static DISK_NAME_MAX]);

/* The other way round: 0 and both words, an empty tag for a disk; -EINVAL: it is a file of another kind. */
int disk_name_parse(const char *file, char ret_project[static DISK_NAME_MAX],
                char ret_tag[static DISK_NAME_MAX]);
