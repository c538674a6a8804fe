#include "helper/host/desktop-notice.h"

#include "common/cleanup.h"

#define DESTINATION "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"
#define NEVER_EXPIRES 0

DEFINE_CLEANUP(sd_bus_message *, sd_bus_message_unref, message_cleanup)

static int send_notice(sd_bus *bus, const char *summary, const char *body) {
        _cleanup_(message_cleanup) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(bus, &m, DESTINATION, PATH, DESTINATION, "Notify");

        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, 0);
        if (r >= 0)
                r = sd_bus_message_append(m, "susssasa{sv}i", "claude-run", 0, "utilities-terminal", summary,
                                body, 0, 0, NEVER_EXPIRES);
        return r < 0 ? r : sd_bus_send(bus, m, NULL);
}

int desktop_notice_send(sd_event *event, sd_bus **bus, const char *summary, const char *body) {
        int r;

        *bus = sd_bus_close_unref(*bus);
        r = sd_bus_open_user(bus);
        if (r >= 0)
                r = send_notice(*bus, summary, body);
        if (r >= 0)
                r = event ? sd_bus_attach_event(*bus, event, SD_EVENT_PRIORITY_IDLE) : sd_bus_flush(*bus);
        if (r < 0)
                *bus = sd_bus_close_unref(*bus);
        return r < 0 ? r : 0;
}
