#include "tests/test.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/run-program.h"
#include "common/strv.h"
#include "config.h"
#include "helper/host/guest-image.h"
#include "helper/json.h"
#include "tests/capture.h"
#include "tests/scratch.h"

#define JSON(format, architecture, agents)                                                                  \
        "{\"format\": " format ", \"architecture\": \"" architecture "\", \"agents\": " agents "}"
#define GOOD JSON("2", HOST_ARCHITECTURE, "{\"claude\": \"2.1.3\", \"codex\": \"0.9\"}")

static const char *const files[] = { "kernel", "initrd", "root.erofs" };

/* An image that is complete, below the user's own ones. */
static int setup(void **state) {
        if (scratch_setup(state) != 0)
                return -1;
        scratch_mkdir("claude-microvm");
        scratch_mkdir("claude-microvm/guests");
        scratch_mkdir("claude-microvm/guests/test");
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                char name[64];

                snprintf(name, sizeof(name), "claude-microvm/guests/test/%s", files[i]);
                scratch_write(name, "x", 0600);
        }
        scratch_write("claude-microvm/guests/test/cmdline", "root=/dev/vda quiet\nsecond line\n", 0600);
        scratch_write("claude-microvm/guests/test/guest.json", GOOD, 0600);
        return 0;
}

static GuestImage *find(const char *guest, const char *agent) {
        GuestImage *image = NULL;
        char *why = NULL;
        int r = guest_image_find(guest, agent, scratch, &image, &why);

        if (r != 0)
                fail_msg("%s: %s", guest, why);
        return image;
}

static void refused(const char *guest, const char *agent, const char *expected) {
        GuestImage *image = NULL;
        _cleanup_free_ char *why = NULL;

        assert_int_equal(guest_image_find(guest, agent, scratch, &image, &why), -EINVAL);
        assert_null(image);
        assert_says(why, expected);
}

static void test_found(void **state) {
        GuestImage *image = find("test", "codex");

        assert_string_equal(image->directory, scratch_path("claude-microvm/guests/test"));
        assert_string_equal(image->kernel, scratch_path("claude-microvm/guests/test/kernel"));
        assert_string_equal(image->initrd, scratch_path("claude-microvm/guests/test/initrd"));
        assert_string_equal(image->root, scratch_path("claude-microvm/guests/test/root.erofs"));
        /* one line, because the kernel's command line has no other */
        assert_string_equal(image->cmdline, "root=/dev/vda quiet");
        assert_string_equal(image->agents, "claude 2.1.3, codex 0.9");
        assert_false(image->needs_work);
        guest_image_free(image);
}

/* Those that a VM could name, and of two with one name the one that it would get. */
static void test_listed(void **state) {
        char **directories = NULL;
        sd_json_variant *agents = NULL;

        scratch_mkdir("claude-microvm/guests/empty");
        assert_int_equal(guest_image_list(scratch, &directories), 0);
        assert_true(strv_length(directories) >= 1);
        assert_string_equal(directories[0], scratch_path("claude-microvm/guests/test"));
        strv_free(directories);

        assert_int_equal(guest_image_read_agents(scratch_path("claude-microvm/guests/test"), &agents), 0);
        assert_string_equal(sd_json_variant_string(sd_json_variant_by_key(agents, "codex")), "0.9");
        sd_json_variant_unref(agents);
        assert_int_equal(guest_image_read_agents(scratch_path("claude-microvm/guests/empty"), &agents),
                        -EINVAL);
        scratch_write("claude-microvm/guests/test/guest.json", "{\"agents\": {\"claude\": \"\\t\"}}", 0600);
        assert_int_equal(guest_image_read_agents(scratch_path("claude-microvm/guests/test"), &agents),
                        -EINVAL);
        scratch_write("claude-microvm/guests/test/guest.json", "{\"agents\": [1]}", 0600);
        assert_int_equal(guest_image_read_agents(scratch_path("claude-microvm/guests/test"), &agents),
                        -EINVAL);
}

/* An image of an earlier version still starts, and its guest works at /work. */
static void test_old_format(void **state) {
        GuestImage *image;

        scratch_write("claude-microvm/guests/test/guest.json",
                        JSON("1", HOST_ARCHITECTURE, "{\"claude\": \"1\"}"), 0600);
        image = find("test", "claude");
        assert_true(image->needs_work);
        guest_image_free(image);
}

/* It is what guest.json says, and this machine's without a word. */
static void test_architecture(void **state) {
        static const struct {
                const char *json, *name;
        } images[] = {
                { JSON("2", "x86_64", "{\"claude\": \"1\"}"), "x86_64" },
                { JSON("2", "aarch64", "{\"claude\": \"1\"}"), "aarch64" },
                { "{\"format\": 2, \"agents\": {\"claude\": \"1\"}}", HOST_ARCHITECTURE },
        };

        for (size_t i = 0; i < ELEMENTSOF(images); i++) {
                GuestImage *image;

                scratch_write("claude-microvm/guests/test/guest.json", images[i].json, 0600);
                image = find("test", "claude");
                assert_string_equal(image->architecture->name, images[i].name);
                assert_ptr_equal(image->architecture, architecture_find(images[i].name));
                guest_image_free(image);
        }
}

/* The user's own image comes before one of the same name of the system; a directory is taken as it is. */
static void test_order(void **state) {
        GuestImage *image;
        const char *why_places;

        assert_int_equal(rename(scratch_path("claude-microvm/guests/test"),
                                         scratch_path("claude-microvm/guests/" DEFAULT_GUEST)),
                        0);
        image = find(DEFAULT_GUEST, "claude");
        assert_string_equal(image->directory, scratch_path("claude-microvm/guests/" DEFAULT_GUEST));
        guest_image_free(image);
        assert_int_equal(rename(scratch_path("claude-microvm/guests/" DEFAULT_GUEST),
                                         scratch_path("elsewhere")),
                        0);
        image = find(scratch_path("elsewhere"), "claude");
        assert_string_equal(image->directory, scratch_path("elsewhere"));
        guest_image_free(image);
        /* what it says names the places in their order, and how to make one */
        why_places = scratch_path("claude-microvm/guests or " GUEST_DIRS);
        refused("no-such-guest", "claude", why_places);
        refused("no-such-guest", "claude", "claude-vm-mkguest --name no-such-guest");
        /* a directory without guest.json is not an image yet */
        scratch_mkdir("claude-microvm/guests/begun");
        refused("begun", "claude", "No guest image 'begun'");
}

static void test_not_complete(void **state) {
        static const char *const all[] = { "kernel", "initrd", "root.erofs", "cmdline" };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                char name[64], expected[128];

                snprintf(name, sizeof(name), "claude-microvm/guests/test/%s", all[i]);
                snprintf(expected, sizeof(expected), "not complete: %s: No such file", all[i]);
                assert_int_equal(rename(scratch_path(name), scratch_path("aside")), 0);
                refused("test", "claude", expected);
                /* a link that leads nowhere is no file either */
                scratch_link("nowhere", name);
                refused("test", "claude", expected);
                assert_int_equal(rename(scratch_path("aside"), scratch_path(name)), 0);
        }
        guest_image_free(find("test", "claude"));
}

static void test_links_are_resolved(void **state) {
        GuestImage *image;

        scratch_mkdir("store");
        scratch_write("store/kernel", "k", 0600);
        scratch_link("store", "profile");
        unlink(scratch_path("claude-microvm/guests/test/kernel"));
        scratch_link("../../../profile/kernel", "claude-microvm/guests/test/kernel");
        image = find("test", "claude");
        assert_string_equal(image->kernel, scratch_path("store/kernel"));
        guest_image_free(image);
}

static void test_json(void **state) {
        static const struct {
                const char *json, *says;
        } bad[] = {
                { JSON("0", HOST_ARCHITECTURE, "{\"claude\": \"1\"}"), "not of format 2" },
                { JSON("3", HOST_ARCHITECTURE, "{\"claude\": \"1\"}"), "not of format 2" },
                { JSON("\"1\"", HOST_ARCHITECTURE, "{\"claude\": \"1\"}"), "not of format 2" },
                { "{}", "not of format 2" },
                { "[]", "not of format 2" },
                { JSON("1", "pdp11", "{\"claude\": \"1\"}"), "architecture that there are no VMs for" },
                { JSON("1", "", "{\"claude\": \"1\"}"), "architecture that there are no VMs for" },
                { "{\"format\": 1, \"architecture\": 7}", "architecture that there are no VMs for" },
                { "{\"format\": 1}", "has no agent 'claude'" },
                { JSON("1", HOST_ARCHITECTURE, "{\"codex\": \"1\"}"), "has no agent 'claude'" },
                { JSON("1", HOST_ARCHITECTURE, "[\"claude\"]"), "has no agent 'claude'" },
                { JSON("2", HOST_ARCHITECTURE, "{\"claude\": \"1\\n/elsewhere\"}"),
                                "name or version in guest.json is not printable text" },
                { JSON("2", HOST_ARCHITECTURE, "{\"claude\": \"1\", \"a\\u001b[2J\": \"1\"}"),
                                "name or version in guest.json is not printable text" },
                { "{", "guest.json' is no" },
                { "", "guest.json' is no" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                scratch_write("claude-microvm/guests/test/guest.json", bad[i].json, 0600);
                refused("test", "claude", bad[i].says);
        }
}

static void test_too_large(void **state) {
        char large[65 * 1024];

        memset(large, ' ', sizeof(large));
        large[sizeof(large) - 1] = '\0';
        scratch_write("claude-microvm/guests/test/guest.json", large, 0600);
        refused("test", "claude", "Failed to read");
        scratch_write("claude-microvm/guests/test/guest.json", GOOD, 0600);
        large[1025] = '\0';
        scratch_write("claude-microvm/guests/test/cmdline", large, 0600);
        refused("test", "claude", "cmdline': File too large");
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WITH(more)                                                                                          \
        "{\"format\": 1, \"architecture\": \"" HOST_ARCHITECTURE                                            \
        "\", \"agents\": {\"claude\": \"1\"}, " more "}"
#define WITH_FILES                                                                                          \
        "{\"format\": 1, \"architecture\": \"" HOST_ARCHITECTURE                                            \
        "\", \"agents\": {\"claude\": \"1\"}, \"files\": {"
#define FILES(hash) "\"files\": {\"root.erofs\": {\"sha256\": " hash "}}"

/* Only an image that says so has a disk, and the key is a hash of its root: the guest makes a file of it. */
static void test_disk(void **state) {
        static const struct {
                const char *json, *key;
        } images[] = {
                { GOOD, NULL },
                { WITH(FILES("\"" HASH "\"")), NULL },
                { WITH("\"features\": [\"disk\"]"), NULL },
                { WITH("\"features\": \"disk\", " FILES("\"" HASH "\"")), NULL },
                { WITH("\"features\": [1, \"disk\"], " FILES("\"../" HASH "\"")), NULL },
                { WITH("\"features\": [\"disk\"], " FILES("7")), NULL },
                { WITH("\"features\": [\"other\", \"disk\"], " FILES("\"" HASH "\"")), HASH },
        };

        for (size_t i = 0; i < ELEMENTSOF(images); i++) {
                GuestImage *image;

                scratch_write("claude-microvm/guests/test/guest.json", images[i].json, 0600);
                image = find("test", "claude");
                if (images[i].key)
                        assert_string_equal(image->disk_key, images[i].key);
                else
                        assert_null(image->disk_key);
                guest_image_free(image);
        }
}

static void hash_of(const char *name, char ret[65]) {
        _cleanup_free_ char *path = strdup(scratch_path(name)), *text = NULL;

        assert_non_null(path);
        assert_int_equal(run_program_read((const char *const[]) { SHA256SUM_PATH, path, NULL }, &text), 0);
        snprintf(ret, 65, "%s", text);
}

#define IMAGE "claude-microvm/guests/test/"

/* Writes a guest.json that is right, and its pin. */
static void pin(char ret[80]) {
        static const char *const all[] = { "kernel", "initrd", "cmdline", "root.erofs" };
        char json[1024] = "", name[64], hash[65];
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                snprintf(name, sizeof(name), IMAGE "%s", all[i]);
                hash_of(name, hash);
                n += (size_t) snprintf(json + n, sizeof(json) - n, "%s\"%s\": {\"sha256\": \"%s\"}",
                                i > 0 ? ", " : WITH_FILES, all[i], hash);
        }
        snprintf(json + n, sizeof(json) - n, "}}");
        scratch_write(IMAGE "guest.json", json, 0600);
        hash_of(IMAGE "guest.json", hash);
        snprintf(ret, 80, "sha256:%s", hash);
}

static int verify(const char *hash, const char *program, const char *says) {
        _cleanup_guest_image_ GuestImage *image = find("test", "claude");
        _cleanup_free_ char *why = NULL;
        int r = guest_image_verify(image, hash, program, &why);

        if (says) {
                assert_int_equal(r, -EINVAL);
                assert_says(why, says);
        } else
                assert_null(why);
        return r;
}

static void test_verify(void **state) {
        static const char *const all[] = { "kernel", "initrd", "cmdline", "root.erofs" };
        char pinned[80], name[80];

        pin(pinned);
        assert_int_equal(verify(pinned, SHA256SUM_PATH, NULL), 0);
        verify("sha256:" HASH, SHA256SUM_PATH, "not the one of GuestHash=");
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                pin(pinned);
                snprintf(name, sizeof(name), IMAGE "%s", all[i]);
                scratch_write(name, all[i], 0600);
                verify(pinned, SHA256SUM_PATH, all[i]);
        }
        /* a guest.json that fits the other files has another hash */
        strcpy(name, pinned);
        pin(pinned);
        verify(name, SHA256SUM_PATH, "not the one of GuestHash=");
        /* one that does not say what its files are */
        scratch_write(IMAGE "guest.json", GOOD, 0600);
        hash_of(IMAGE "guest.json", pinned + strlen("sha256:"));
        verify(pinned, SHA256SUM_PATH, "kernel is another file, or it has no hash of it");
        /* no program, one that fails, one that says nothing of use */
        pin(pinned);
        verify(pinned, "/nonexistent", "could not be compared");
        verify(pinned, "/bin/false", "could not be compared");
        verify(pinned, "/bin/true", "could not be compared");
        verify(pinned, "/bin/echo", "could not be compared");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_found, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_listed, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_old_format, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_architecture, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_order, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_not_complete, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_links_are_resolved, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_json, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_disk, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_verify, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_too_large, setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
