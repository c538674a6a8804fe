/* The cleanup form of systemd's JSON values. */
#pragma once

#include <systemd/sd-json.h>

#include "common/cleanup.h"

DEFINE_CLEANUP(sd_json_variant *, sd_json_variant_unref, json_cleanup)
#define _cleanup_json_ _cleanup_(json_cleanup)
