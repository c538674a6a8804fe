/* A share's virtiofsd: what it serves, how it starts, and how the VM hears of its end. */
#pragma once

#include "common/vm-name.h"
#include "helper/parameters.h"

/* Splits ID:TAG. `ret_id` gets the id; returns the tag, or NULL if the text is not of that form. */
const char *share_split_instance(const char *instance, char ret_id[static VM_NAME_MAX + 1]);

/* Writes `share.TAG` for each share into the VM's runtime directory. 0, negative errno. */
int share_write_files(const char *vm_dir, const Parameters *p);

/* `virtiofsd ID:TAG`: becomes virtiofsd on the socket that is fd 3. Returns an exit status on failure. */
int share_exec(const char *virtiofsd, const char *runtime_dir, const char *instance);

/* `share-exited ID:TAG`: tells the VM's helper how the unit ended, from systemd's $SERVICE_RESULT,
 * $EXIT_CODE and $EXIT_STATUS. A missing listener is not an error. Returns an exit status. */
int share_exited(const char *runtime_dir, const char *instance);
