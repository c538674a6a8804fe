#include "helper/claude-run/confirm.h"

#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "helper/claude-run/fail.h"

bool confirm_is_possible(void) {
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

int confirm_check(const Context *c, const char *what) {
        if (c->options->yes || confirm_is_possible())
                return 0;
        return fail(EXIT_USAGE, "%s, and no terminal is here; without a question: --yes", what);
}

bool confirm_ask(const Context *c, const char *question) {
        _cleanup_free_ char *line = NULL;
        size_t allocated = 0;

        if (c->options->yes)
                return true;
        fprintf(stderr, "%s [y/N] ", question);
        return getline(&line, &allocated, stdin) > 0 && (line[0] == 'y' || line[0] == 'Y');
}
