/* A notice on the user's desktop. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* Asks the notification server, if there is one; nobody waits for its answer. `*bus` is the caller's, to be
 * closed by sd_bus_close_unref(); this one replaces an earlier one. With an event loop that sends what does
 * not go at once, with NULL this call does. Texts are plain ones: body without & and <. 0, negative errno.
 *
 * Source: Desktop Notifications Specification 1.3, org.freedesktop.Notifications.Notify. */
int desktop_notice_send(sd_event *event, sd_bus **bus, const char *summary, const char *body);
