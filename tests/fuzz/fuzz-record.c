/* Files of ours that outlive the program that wrote them: the record of a copy, what was found in a project,
 * and the machine of a suspended VM. What is read, written and read again is the same. */

#include <stdint.h>
#include <string.h>

#include "helper/changes/findings.h"
#include "helper/copy/record.h"
#include "helper/vm/machine.h"
#include "tests/fuzz/directory.h"
#include "tests/fuzz/text.h"

static void check_record(int directory) {
        Record first = {}, second = {};

        if (record_read(directory, "file", &first) < 0)
                return;
        if (record_write(directory, "again", &first) < 0 || record_read(directory, "again", &second) < 0 ||
                        first.n != second.n || strcmp(first.origin, second.origin) != 0)
                abort();
        for (size_t i = 0; i < first.n; i++) {
                /* a path leads nowhere but below the directory; the reader checks that */
                if (!record_find(&second, first.entries[i].path))
                        abort();
        }
        record_done(&first);
        record_done(&second);
}

static void check_findings(const char *path, const char *again) {
        Findings first = {}, second = {};

        if (findings_read(path, &first) < 0)
                return;
        if (first.n > FINDINGS_MAX || first.bytes > FINDINGS_BYTES_MAX)
                abort();
        if (findings_write(&first, again, true) < 0 || findings_read(again, &second) < 0 ||
                        first.n != second.n)
                abort();
        findings_done(&first);
        findings_done(&second);
}

/* A text is the same machine as itself, and the sentence of a difference is one line. */
static void check_machine(const uint8_t *data, size_t size) {
        char *text = text_of(data, size), *why = NULL;

        if (!text)
                return;
        if (machine_compare(text, "memory 1\n", &why) < 0 && why && strchr(why, '\n'))
                abort();
        free(why);
        why = NULL;
        if (machine_compare(text, text, &why) < 0)
                abort();
        free(why);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static char path[] = "/tmp/fuzz-record.XXXXXX", file[sizeof(path) + 8], again[sizeof(path) + 8];
        static int directory = -1;

        if (directory < 0) {
                directory = directory_new(path);
                stpcpy(stpcpy(file, path), "/file");
                stpcpy(stpcpy(again, path), "/again");
        }
        directory_write(directory, "file", data, size);
        check_record(directory);
        check_findings(file, again);
        check_machine(data, size);
        return 0;
}
