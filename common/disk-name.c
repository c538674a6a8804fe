#include "common/disk-name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/vm-name.h"

#define SUFFIX ".raw"
#define SEPARATOR '@' /* in no name of a project */

int disk_name_make(const char *project, const char *tag, char ret[static DISK_NAME_MAX]) {
        if (!vm_name_is_project(project) || (tag && !vm_name_is_project(tag)))
                return -EINVAL;
        if (tag)
                snprintf(ret, DISK_NAME_MAX, "%s%c%s" SUFFIX, project, SEPARATOR, tag);
        else
                snprintf(ret, DISK_NAME_MAX, "%s" SUFFIX, project);
        return 0;
}

int disk_name_parse(const char *file, char ret_project[static DISK_NAME_MAX],
                char ret_tag[static DISK_NAME_MAX]) {
        char project[DISK_NAME_MAX], again[DISK_NAME_MAX];
        size_t n = strlen(file);
        char *tag;

        if (n >= DISK_NAME_MAX || n <= strlen(SUFFIX))
                return -EINVAL;
        strcpy(project, file);
        project[n - strlen(SUFFIX)] = '\0';
        tag = strchr(project, SEPARATOR);
        if (tag)
                *tag++ = '\0';
        if (disk_name_make(project, tag, again) < 0 || strcmp(again, file) != 0)
                return -EINVAL;
        strcpy(ret_project, project);
        strcpy(ret_tag, tag ?: "");
        return 0;
}
