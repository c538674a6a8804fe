# port NAME: sets $port to the device of a virtio-serial port. Reads sysfs itself,
# because no udev makes links here and a fork costs 20 ms under emulation. Sourced.
port() {
        local entry name
        for entry in /sys/class/virtio-ports/*; do
                # the console has no name
                [ -e "$entry/name" ] && read -r name <"$entry/name" && [ "$name" = "$1" ] || continue
                port=/dev/${entry##*/}
                return
        done
        echo "no port '$1'" >&2
        return 1
}
