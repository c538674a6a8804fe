/* What the generator tells other programs: an array of flat objects, in JSON, one object a line. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* `"key":"text"`; without a text `"key":number`; without both the member is left out. */
typedef struct JsonMember {
        const char *key; /* a literal of the program */
        const char *text;
        unsigned number;
} JsonMember;

typedef struct JsonWriter {
        FILE *f;
        size_t n; /* objects so far */
} JsonWriter;

/* One more object of `n` members. 0; -EILSEQ if a text is not UTF-8, which JSON cannot carry: the object is
 * left out. */
int json_writer_add(JsonWriter *w, const JsonMember *members, size_t n);

/* Ends the array. 0; -EIO if not all of it could be written. */
int json_writer_end(JsonWriter *w);
