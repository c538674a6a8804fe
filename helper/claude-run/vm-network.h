/* What the holder of a VM's network says of it (helper/net/holder.c), and what of it is for people. */
#pragma once

#include <stdint.h>
#include <systemd/sd-json.h>

#include "helper/claude-run/context.h"

/* Asks with the words of the control socket. -ENOENT and -ECONNREFUSED: the VM has no network, for it does
 * not run; other negative errno. */
int vm_network_ask(const Context *c, const char *id, const char *words, sd_json_variant **ret);

/* A member of an object; "" and 0 where there is none. */
const char *vm_network_text(sd_json_variant *object, const char *key);
uint64_t vm_network_number(sd_json_variant *object, const char *key);

/* The `api` of a network in a few words, owned. */
char *vm_network_describe_api(sd_json_variant *api);

/* Prints a line for each unit that does not run, with what that closes. */
void vm_network_print_warnings(Context *c, const char *id, sd_json_variant *network);

/* Prints the one line of `status`, and warnings as above; nothing for a VM that does not run. */
void vm_network_print_line(Context *c, const char *id);

/* The line's facts for `status --json`; NULL for a VM that does not run. Negative errno. */
int vm_network_build_summary(const Context *c, const char *id, sd_json_variant **ret);
