/* What the generator tells the units of one VM, for a program that runs it without them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-json.h>

typedef struct Plan {
        sd_json_variant *lines;
} Plan;

/* Asks the generator about a request. The private directory is the runtime directory to it, which no share
 * may lie in. 0; -EINVAL: it refused the request, and said why; other negative errno. */
int plan_read(const char *generator, const char *request, const char *directory, Plan *ret);
void plan_done(Plan *p);

/* A PART is "" for claude-vm@ID, "net" for claude-vm-net@ID and so on. */

/* The first variable NAME= of a part, borrowed; NULL if there is none. */
const char *plan_variable(const Plan *p, const char *part, const char *name);

/* The first directive of [Service], which needs a unit; NULL if there is none. */
const char *plan_directive(const Plan *p);

/* True if a unit of this VM wants the part. */
bool plan_wants(const Plan *p, const char *part);

/* Adds the variables of a part. 0, -ENOMEM. */
int plan_add_variables(const Plan *p, const char *part, char ***environment);

/* Makes a directory of links to the files of the part's credentials: they are this user's, so nothing copies
 * them. 0, negative errno. */
int plan_link_credentials(const Plan *p, const char *part, const char *directory);

/* Calls `each` with the tag of every share. 0, or what it returned first that is not 0. */
int plan_each_share(const Plan *p, int (*each)(void *userdata, const char *tag), void *userdata);
