#include "helper/vm/user-settings.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/run-program.h"

#define VALUE_MAX 200U

int user_settings_time_zone(const char *link, char **ret) {
        static const char folder[] = "/zoneinfo/";
        char target[PATH_MAX];
        ssize_t n = readlink(link, target, sizeof(target) - 1);
        const char *zone;

        if (n < 0)
                return -ENODATA;
        target[n] = '\0';
        zone = strstr(target, folder);
        if (!zone || printable_check(zone) || strstr(zone, ".."))
                return -ENODATA;
        *ret = strdup(zone + strlen(folder));
        return *ret ? 0 : -ENOMEM;
}

/* A value in git's quotes. */
static void print_value(FILE *f, const char *key, const char *value) {
        fprintf(f, "\t%s = \"", key);
        for (; *value; value++) {
                if (*value == '"' || *value == '\\')
                        fputc('\\', f);
                fputc(*value, f);
        }
        fputs("\"\n", f);
}

/* `user.KEY VALUE` of git's list; the last of several counts there. */
static void print_identity(FILE *f, char *list) {
        static const char section[] = "user.";

        fputs("[user]\n", f);
        for (char *line; (line = strsep(&list, "\n"));) {
                char *value = strchr(line, ' ');

                if (!value || strncmp(line, section, strlen(section)) != 0)
                        continue;
                *value++ = '\0';
                if (strlen(value) <= VALUE_MAX && !printable_check(value))
                        print_value(f, line + strlen(section), value);
        }
}

int user_settings_git(const char *git, char **ret) {
        _cleanup_free_ char *list = NULL, *text = NULL;
        const char *const argv[] = { git, "config", "--global", "--includes", "--get-regexp",
                "^user\\.(name|email)$", NULL };
        size_t size;
        FILE *f;

        /* the user's file alone: those of the current directory may be a guest's */
        if (!git || access(git, X_OK) < 0 || run_program_read(argv, &list) != 0)
                return -ENODATA;
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        print_identity(f, list);
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}
