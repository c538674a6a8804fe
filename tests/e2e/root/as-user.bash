# For tests that run as root: the user `tester`, whose projects and VMs they are about.

USER_HOME=/home/tester
# shellcheck disable=SC2034  # for the tests
CONFIG=$USER_HOME/.config/claude-microvm
RUNTIME=/run/user/1000

# as_user COMMAND…: in the user's session
as_user() {
        runuser -u tester -- env -i HOME=$USER_HOME USER=tester PATH=/usr/bin:/bin ${EDITOR:+EDITOR="$EDITOR"} \
                XDG_RUNTIME_DIR=$RUNTIME DBUS_SESSION_BUS_ADDRESS=unix:path=$RUNTIME/bus "$@"
}
