/* A guest image: where it is, and what its guest.json says. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "common/cleanup.h"
#include "helper/host/architecture.h"

typedef struct GuestImage {
        char *directory;
        char *kernel, *initrd, *root; /* absolute paths without links */
        char *cmdline;                /* what the image itself needs, one line */
        char *agents;                 /* for people: "claude 2.1.331" and so on */
        const Architecture *architecture;
        bool needs_work; /* the work directory must be at /work */
        char *disk_key;  /* of its root file system; NULL: this image has no use for a disk */
} GuestImage;

/* Finds the image `guest` (a name, or an absolute directory) and checks that it is for this machine and
 * has `agent`. `data_home` is the user's ($XDG_DATA_HOME). 0 and an owned result; -EINVAL and an owned
 * sentence in `ret_why`; -ENOMEM. */
int guest_image_find(const char *guest, const char *agent, const char *data_home, GuestImage **ret,
                char **ret_why);

/* Finds the directory of an image alone. 0 and an owned path; -EINVAL and an owned sentence; -ENOMEM. */
int guest_image_find_directory(const char *guest, const char *data_home, char **ret, char **ret_why);

/* The directories of all images by name, the user's own first: a name counts where guest_image_find() finds
 * it. 0 and an owned array, NULL if there is none; -ENOMEM. */
int guest_image_list(const char *data_home, char ***ret);

/* What an image's guest.json says of its agents: an object of versions, owned. 0; -EINVAL: nothing of use;
 * -ENOMEM. */
int guest_image_read_agents(const char *directory, sd_json_variant **ret);

/* Reads all that a VM takes of the image and compares it with its guest.json, and that with `hash`, which is
 * sha256: and digits. `sha256sum` is the program's path. 0; -EINVAL and an owned sentence; other negative
 * errno. */
int guest_image_verify(const GuestImage *image, const char *hash, const char *sha256sum, char **ret_why);

GuestImage *guest_image_free(GuestImage *image);

DEFINE_CLEANUP(GuestImage *, guest_image_free, guest_image_cleanup)
#define _cleanup_guest_image_ _cleanup_(guest_image_cleanup)
