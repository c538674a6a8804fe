/* The verbs of claude-run. Each returns an exit status and has said on stderr why it is not 0. */
#pragma once

#include "helper/claude-run/context.h"

int verb_attach(Context *c);
int verb_boot(Context *c);
int verb_changes(Context *c);
int verb_diff(Context *c);
int verb_apply(Context *c);
int verb_discard(Context *c);
int verb_config(Context *c);
int verb_cp(Context *c);
int verb_disk(Context *c);
int verb_doctor(Context *c);
int verb_exec(Context *c);
int verb_list(Context *c);
int verb_logs(Context *c);
int verb_network(Context *c);
int verb_ports(Context *c);
int verb_prune(Context *c);
int verb_rename(Context *c);
int verb_restart(Context *c);
int verb_suspend(Context *c);
int verb_resume(Context *c);
int verb_forget(Context *c);
int verb_rm(Context *c);
int verb_run(Context *c);
int verb_set(Context *c);
int verb_shell(Context *c);
int verb_ssh(Context *c);
int verb_start(Context *c);
int verb_status(Context *c);
int verb_stop(Context *c);
int verb_update(Context *c);
int verb_versions(Context *c);
