/* The disks of projects: sparse files, which only the guest formats and reads. Nothing here looks into one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* The directory of disks, and with `make` it is made. A descriptor; -ENOENT: there is none; other negative
 * errno. */
int disk_directory_open(const char *data_home, bool make);

/* Opens a disk or a snapshot and locks it for as long as the descriptor, or one inherited, is open. `make`:
 * an empty one where there is none. A descriptor; -EBUSY: another has it; -ELOOP: it is a symbolic link;
 * -ENOTSUP: it is not a file of this user's own; other negative errno. */
int disk_lock(int directory, const char *file, bool make);

/* The same for the disk of a VM that starts: made, and made as large as `size_mib` if it is smaller. A
 * descriptor, and the size that it has; -EINVAL and an owned sentence in `ret_why`; -ENOMEM. */
int disk_open(const char *data_home, const char *project, uint64_t size_mib, uint64_t *ret_size_mib,
                char **ret_why);

/* Says why disk_lock() failed: an owned sentence, and -EINVAL or -ENOMEM. */
int disk_explain(const char *project, int error, char **ret_why);

/* Copies what is not a hole to an empty file, with `progress` after each piece: by reference where the file
 * system can, which is one piece. 0; a positive result of `progress`, which ends it; negative errno. */
typedef int (*disk_progress)(void *userdata, uint64_t copied, uint64_t total);
int disk_copy(int from, int to, disk_progress progress, void *userdata);

/* Bytes that a file takes. */
uint64_t disk_allocated(const struct stat *st);
