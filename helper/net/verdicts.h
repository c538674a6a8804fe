/* What the guest was refused, and was allowed if that is to be logged: each thing once in the journal, with
 * its repeats counted. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "common/allow-rule.h"
#include "helper/line-limit.h"
#include "helper/net/packet.h"

#define VERDICTS_MAX 512U

typedef struct Verdict {
        bool refused;
        char name[ALLOW_NAME_MAX + 1];           /* "": not known */
        char address[sizeof("255.255.255.255")]; /* "": a name that was not asked for outside */
        bool by_address;                         /* only a rule with the address would allow it */
        uint8_t protocol;
        unsigned port;
        uint64_t count, last_usec; /* CLOCK_REALTIME */
} Verdict;

typedef struct Verdicts {
        Verdict *items; /* the oldest makes room */
        size_t n;
        LineLimit limit;
} Verdicts;

void verdicts_done(Verdicts *v);

/* Takes one, and logs it if it is new. Its count and time are set here. 0, -ENOMEM. */
int verdicts_take(Verdicts *v, const Verdict *verdict);

/* The word of Allow= that would allow it; ends with NUL. False: there is none. */
bool verdict_remedy(const Verdict *verdict, char ret[static ALLOW_TEXT_MAX]);

/* The refused ones, the latest first, as an array. 0, negative errno. */
int verdicts_build(const Verdicts *v, sd_json_variant **ret);
