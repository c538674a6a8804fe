/* Policies in tests. */
#pragma once

#include <stdio.h>

#include "helper/net/policy.h"
#include "tests/test.h"

static inline void policy_add_word(Policy *p, const char *word) {
        char why[ALLOW_WHY_MAX];
        AllowRule rule;

        assert_int_equal(allow_rule_parse(word, &rule, why), 0);
        assert_true(policy_add(p, &rule, "", false) >= 0);
}

/* What a printer prints, owned. */
static inline char *policy_text(void (*printer)(FILE *f, const Policy *p), const Policy *p) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        printer(f, p);
        fclose(f);
        return text;
}
