/* Reads the last start of a VM in the user's journal. */
#pragma once

#include "helper/claude-run/boot-phases.h"

/* 0; -ENODATA: the journal does not mention a start of this VM; other negative errno. */
int boot_journal_read(const char *id, BootTimes *ret);
