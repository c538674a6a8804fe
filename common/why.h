/* A sentence for the user beside an error number. */
#pragma once

/* Prints it to `ret_why`, owned by the caller, and returns `error`; without memory -ENOMEM and NULL. */
int why_say(char **ret_why, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
