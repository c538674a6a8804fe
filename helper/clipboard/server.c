/* A connection is one question, a line: `types` or `image`. The answer is a line: `types image/png`, `types`
 * if there is no image, `image SIZE` and that many bytes, `none`, or `refused SENTENCE`.
 * guest/libexec/clipboard is the other side.
 *
 * The guest is hostile, and this is all that it can do: ask. The question is read into a few bytes and
 * compared with two words; nothing of it goes anywhere. One connection at a time is served, each within a
 * limit of time, so a guest that does not read keeps only itself from asking. What it may learn is bounded
 * as well: by the allowance, and by somebody being there, because a guest that nobody looks at pastes
 * nothing. */

#include "helper/clipboard/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "common/usec.h"
#include "helper/clipboard/allowance.h"
#include "helper/clipboard/png.h"
#include "helper/clipboard/source.h"
#include "helper/host/manager.h"
#include "helper/host/viewers.h"
#include "helper/log.h"

#define QUESTION_LIMIT (2 * SEC)
#define ANSWER_LIMIT (30 * SEC)
#define QUESTION_MAX 16U

/* --- the connection -------------------------------------------------------------------- */

static int wait_for(int fd, short events, uint64_t until_usec) {
        struct pollfd p = { fd, events, 0 };
        uint64_t now = usec_now(CLOCK_MONOTONIC);
        int r = now >= until_usec ? 0 : poll(&p, 1, (int) ((until_usec - now) / 1000 + 1));

        return r > 0 ? 0 : r == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
}

/* A line that is not complete in time, or too long, is none. */
static int read_question(int fd, char ret[static QUESTION_MAX]) {
        uint64_t until = usec_now(CLOCK_MONOTONIC) + QUESTION_LIMIT;
        size_t size = 0;

        while (size < QUESTION_MAX) {
                int r = wait_for(fd, POLLIN, until);
                ssize_t n = r < 0 ? 0 : recv(fd, ret + size, QUESTION_MAX - size, MSG_DONTWAIT);

                if (r < 0)
                        return r;
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ECONNRESET;
                size += (size_t) n;
                if (ret[size - 1] == '\n') {
                        ret[size - 1] = '\0';
                        return 0;
                }
        }
        return -EBADMSG;
}

static int send_all(int fd, const void *data, size_t size, uint64_t until_usec) {
        const char *at = data;

        while (size > 0) {
                ssize_t n = send(fd, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n >= 0) {
                        at += n;
                        size -= (size_t) n;
                        continue;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
                n = wait_for(fd, POLLOUT, until_usec);
                if (n < 0)
                        return (int) n;
        }
        return 0;
}

static void send_line(int fd, const char *line) {
        (void) send_all(fd, line, strlen(line), usec_now(CLOCK_MONOTONIC) + QUESTION_LIMIT);
}

/* The sentence is for the guest's user and for the journal. */
static void refuse(int fd, const char *why) {
        char line[256];

        snprintf(line, sizeof(line), "refused %s\n", why);
        send_line(fd, line);
        log_message(LOG_NOTICE, "The guest asked for the clipboard: %s", why);
}

/* --- the answers ----------------------------------------------------------------------- */

static const char *explain(int error) {
        switch (error) {
        case -ENXIO:
                return "the host has no display; run there: systemctl --user import-environment DISPLAY XAUTHORITY WAYLAND_DISPLAY";
        case -ENOENT:
                return "the host has no wl-paste or xclip for its display; install wl-clipboard or xclip there";
        case -ETIMEDOUT:
                return "the host's clipboard did not answer in time";
        case -EFBIG:
                return "the image is larger than 16 MiB";
        case -EBADMSG:
                return "what the host's clipboard has as a PNG is none";
        default:
                return "the host's clipboard cannot be read";
        }
}

static void answer_types(int fd, const ClipboardSource *source) {
        int r = clipboard_has_png(source);

        if (r < 0)
                refuse(fd, explain(r));
        else
                send_line(fd, r > 0 ? "types image/png\n" : "types\n");
}

static void send_image(int fd, const uint8_t *data, const Png *png) {
        uint64_t until = usec_now(CLOCK_MONOTONIC) + ANSWER_LIMIT;
        char line[64];
        int r;

        snprintf(line, sizeof(line), "image %zu\n", png->size);
        r = send_all(fd, line, strlen(line), until);
        if (r >= 0)
                r = send_all(fd, data, png->size, until);
        if (r >= 0)
                log_message(LOG_INFO, "The guest has the image of the clipboard: %u by %u pixels, %zu bytes",
                                png->width, png->height, png->size);
        else
                log_message(LOG_NOTICE,
                                "The guest asked for the clipboard: it did not take all of the image: %s",
                                strerror(-r));
}

static void answer_image(int fd, const ClipboardSource *source) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        Png png;
        int r = clipboard_read_png(source, &data, &size);

        if (r == -ENODATA) {
                send_line(fd, "none\n");
                return;
        }
        if (r >= 0)
                r = png_look(data, size, &png);
        if (r < 0)
                refuse(fd, explain(r));
        else
                send_image(fd, data, &png);
}

static const struct {
        const char *question;
        void (*answer)(int fd, const ClipboardSource *source);
} answers[] = {
        { "types", answer_types },
        { "image", answer_image },
};

/* The session may have begun after the VM, so the manager is asked each time where its display is. */
static int read_variables(char ***ret) {
        _cleanup_manager_ Manager *manager = NULL;
        int r = manager_connect(&manager);

        return r < 0 ? r : manager_own_environment(manager, ret);
}

static void answer(const ClipboardConfig *config, int fd, size_t i) {
        _cleanup_strv_free_ char **variables = NULL;
        int r = read_variables(&variables);
        const ClipboardSource source = { config->wl_paste, config->xclip, variables };

        if (r < 0)
                refuse(fd, "the host's service manager does not say where its display is");
        else
                answers[i].answer(fd, &source);
}

/* --- the rules ------------------------------------------------------------------------- */

static void refuse_too_many(int fd, bool first) {
        char line[128];

        snprintf(line, sizeof(line), "refused more than %u questions in ten seconds, or %u in an hour\n",
                        ALLOWANCE_BURST, ALLOWANCE_HOUR);
        send_line(fd, line);
        if (first)
                log_message(LOG_WARNING,
                                "The guest asks for the clipboard more than %u times in ten seconds, or %u times in an hour; it is refused",
                                ALLOWANCE_BURST, ALLOWANCE_HOUR);
}

static void serve_one(const ClipboardConfig *config, Allowance *allowance, int fd) {
        char question[QUESTION_MAX];
        size_t i = 0;
        bool first;

        /* before its question, which costs time as well */
        if (!allowance_take(allowance, usec_now(CLOCK_MONOTONIC), &first)) {
                refuse_too_many(fd, first);
                return;
        }
        if (read_question(fd, question) < 0)
                return;
        while (i < ELEMENTSOF(answers) && strcmp(answers[i].question, question) != 0)
                i++;
        if (i == ELEMENTSOF(answers))
                return;
        if (viewers_have_terminal(config->runtime_dir, config->id))
                answer(config, fd, i);
        else
                refuse(fd, "only while a terminal of claude-run is open in this VM");
}

int clipboard_serve(const ClipboardConfig *config, int listen_fd) {
        Allowance allowance = {};

        for (;;) {
                _cleanup_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0)
                        serve_one(config, &allowance, fd);
                else if (errno != EINTR && errno != ECONNABORTED)
                        return -errno;
        }
}
