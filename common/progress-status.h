/* How a unit says in its STATUS= how far it is, so that `systemctl status` shows it and claude-run can draw
 * it:
 *
 *     WHAT: P % (X of Y UNIT)            Saves the guest's memory: 43 % (0.5 of 1.2 GiB)
 *
 * WHAT is a text of ours, P a whole number up to 100, X and Y have one digit after the point, UNIT is KiB,
 * MiB, GiB or TiB. This is the only place that has the format. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PROGRESS_WHAT_MAX 80U   /* bytes of WHAT, without a NUL */
#define PROGRESS_AMOUNT_MAX 40U /* bytes of `X of Y UNIT`, with its NUL */
#define PROGRESS_STATUS_MAX 160U

typedef struct ProgressStatus {
        size_t what_size;                 /* bytes of the text that are WHAT */
        unsigned percent;                 /* 0 to 100 */
        char amount[PROGRESS_AMOUNT_MAX]; /* `X of Y UNIT` */
} ProgressStatus;

/* Whole percents; more than `total` counts as all of it, and so does any part of nothing. */
unsigned progress_percent(uint64_t done, uint64_t total);

/* `X of Y UNIT` of bytes, in the unit that suits the total. */
void progress_print_amount(uint64_t done, uint64_t total, char ret[static PROGRESS_AMOUNT_MAX]);

/* The whole text; `what` is cut to what fits. */
void progress_status_print(
                const char *what, uint64_t done, uint64_t total, char ret[static PROGRESS_STATUS_MAX]);

/* Understands a text of exactly this form. 0; -EINVAL: it is another one, as most are. */
int progress_status_parse(const char *text, ProgressStatus *ret);
