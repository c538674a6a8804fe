#include "helper/net/text-answer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/memory-file.h"
#include "common/unix-socket.h"

#define MESSAGE_MAX 8192U /* that each kernel takes; by default they take 200 KiB */
#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

static int make_file(const char *text, size_t size) {
        _cleanup_close_ int fd = memory_file("answer");
        ssize_t n = fd < 0 ? fd : write(fd, text, size);

        if (fd < 0)
                return fd;
        if (n != (ssize_t) size)
                return n < 0 ? -errno : -ENOSPC;
        return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : TAKE_FD(fd);
}

int text_answer_send(int socket, const char *text) {
        _cleanup_close_ int fd = -EBADF;
        size_t size = strlen(text);

        if (size > TEXT_ANSWER_MAX)
                return -EMSGSIZE;
        if (size <= MESSAGE_MAX)
                return send(socket, text, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
        fd = make_file(text, size);
        return fd < 0 ? fd : unix_send_fds(socket, &fd, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int text_answer_read(int fd, char **ret) {
        _cleanup_free_ char *text = NULL;
        int seals = fcntl(fd, F_GET_SEALS);
        struct stat st;

        if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0)
                return -EBADMSG;
        if (st.st_size > TEXT_ANSWER_MAX)
                return -EMSGSIZE;
        text = calloc(1, (size_t) st.st_size + 1);
        if (!text)
                return -ENOMEM;
        if (pread(fd, text, (size_t) st.st_size, 0) != st.st_size)
                return -EBADMSG;
        *ret = TAKE_PTR(text);
        return 0;
}
