#include "helper/net/nft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/memory-file.h"
#include "common/run-program.h"
#include "helper/json.h"
#include "helper/net/namespace.h"
#include "helper/net/policy.h"

int nft_begin(NftScript *ret) {
        _cleanup_close_ int fd = memory_file("nft");
        int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        FILE *f = copy < 0 ? NULL : fdopen(copy, "w");

        if (fd < 0)
                return fd;
        if (!f) {
                if (copy >= 0)
                        close(copy);
                return -errno;
        }
        *ret = (NftScript) { .stream = f, .fd = TAKE_FD(fd) };
        return 0;
}

int nft_end(NftScript *script, const char *nft) {
        _cleanup_close_ int fd = script->fd;
        int r = ferror(script->stream) ? -ENOMEM : 0;

        if (fclose(script->stream) != 0 && r >= 0)
                r = -errno;
        if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
                r = -errno;
        if (r >= 0)
                r = run_program_input((const char *const[]) { nft, "-f", "-", NULL }, fd);
        return r > 0 ? -EPROTO : r;
}

/* { "nftables": [ { "metainfo": … }, { "counter": { "packets": 1, "bytes": 60, … } } ] } */
static sd_json_variant *find_counter(sd_json_variant *root) {
        sd_json_variant *list = sd_json_variant_by_key(root, "nftables"), *counter = NULL;

        for (size_t i = 0; !counter && i < sd_json_variant_elements(list); i++)
                counter = sd_json_variant_by_key(sd_json_variant_by_index(list, i), "counter");
        return counter;
}

int nft_counter(const char *nft, const char *name, uint64_t *ret_packets, uint64_t *ret_bytes) {
        _cleanup_json_ sd_json_variant *root = NULL;
        _cleanup_free_ char *text = NULL;
        sd_json_variant *counter;
        int r = run_program_read(
                        (const char *const[]) { nft, "-j", "list", "counter", "inet", "vm", name, NULL },
                        &text);

        if (r != 0)
                return r < 0 ? r : -EPROTO;
        r = sd_json_parse(text, 0, &root, NULL, NULL);
        if (r < 0)
                return r;
        counter = find_counter(root);
        if (!counter)
                return -ENODATA;
        *ret_packets = sd_json_variant_unsigned(sd_json_variant_by_key(counter, "packets"));
        *ret_bytes = sd_json_variant_unsigned(sd_json_variant_by_key(counter, "bytes"));
        return 0;
}

static int try_in_child(const char *nft) {
        const Policy policy = { .mode = POLICY_INTERNET };
        NetNamespace namespaces;
        const char *step;
        NftScript script;
        int r = net_namespace_enter(&namespaces, &step);

        if (r >= 0)
                r = net_namespace_drop_capabilities(true);
        if (r >= 0)
                r = nft_begin(&script);
        if (r < 0)
                return r;
        policy_print_table(script.stream, &policy);
        return nft_end(&script, nft);
}

int nft_try(const char *nft) {
        pid_t pid = fork();
        int status;

        if (pid < 0)
                return -errno;
        if (pid == 0)
                _exit(-try_in_child(nft));
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPROTO;
}
