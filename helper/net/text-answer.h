/* A text that a network's holder (holder.h) answers with. One that may be too long for a message of a socket
 * goes as a file in memory, which is sealed: what has been measured does not change before it is read. */
#pragma once

#define TEXT_ANSWER_MAX (4U * 1024U * 1024U) /* bytes: all rules with the longest names come to less */

/* Sends it in one message, without waiting. 0; -EMSGSIZE: it is longer than TEXT_ANSWER_MAX; other negative
 * errno. */
int text_answer_send(int socket, const char *text);

/* Reads the file that has come instead of a text. 0 and an owned text; -EMSGSIZE: it is too long; -EBADMSG:
 * it is no such file; other negative errno. */
int text_answer_read(int fd, char **ret);
