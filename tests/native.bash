# Runs the project from its source tree in this user's own systemd session, with
# nothing installed: for `make demo` and `make vm.run`. Sourced by both.

# True where a user manager of systemd 257 runs and what a native build needs is here.
native_possible() {
        local version
        version=$(busctl --user get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 \
                org.freedesktop.systemd1.Manager Version 2>/dev/null | tr -dc '0-9. ' | awk '{ print int($1) }') || return 1
        [ "${version:-0}" -ge 257 ] && command -v meson >/dev/null &&
                pkg-config --atleast-version=257 libsystemd 2>/dev/null && pkg-config --exists inih uuid
}

# What a program says matters only if it fails.
quietly() {
        local output
        output=$("$@" 2>&1) || { printf '%s\n' "$output" >&2; return 1; }
}

# Puts a claude-run on the PATH: an installed package's, or one that is built into a prefix in the cache and, because
# systemd does not look there, brings its units and its generator along.
native_activate() {
        local prefix=${XDG_CACHE_HOME:-$HOME/.cache}/claude-microvm/native directory
        for directory in /run /etc /usr/local/lib /usr/lib; do
                [ ! -x $directory/systemd/user-generators/claude-vm-generator ] || return 0
        done
        [ -e "$prefix/build/build.ninja" ] ||
                quietly meson setup --prefix="$prefix" -Dtests=disabled -Dssh_config_dir=no "$prefix/build" "$1"
        quietly meson install -C "$prefix/build"
        PATH=$prefix/bin:$PATH
}
