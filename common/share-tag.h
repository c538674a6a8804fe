/* The tag of a share: the guest mounts it by this name, and the names of sockets and units have it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* 16 bytes keep the socket /run/user/UID/claude-vm-fs/ID:TAG.sock below the 108 bytes of sun_path. */
#define SHARE_TAG_MAX 16

/* True if the first `size` bytes are a tag: [a-z][a-z0-9_]*, which needs no escaping anywhere. */
bool share_tag_is_valid(const char *s, size_t size);

/* True for the tags of shares that do not come from Share=. claude-vm-net@.service knows them, too. */
bool share_tag_is_reserved(const char *tag);
