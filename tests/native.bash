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

# Builds into a prefix in the cache. If a package is installed already, its units
# and its generator are used; otherwise ours are linked into the runtime directory
# of the session and the generator is run by hand, as the manager would.
native_activate() {
        local top=$1
        native_prefix=${XDG_CACHE_HOME:-$HOME/.cache}/claude-microvm/native
        native_units=$XDG_RUNTIME_DIR/systemd/user
        native_linked=()
        if systemctl --user cat claude-vm@.service >/dev/null 2>&1; then
                native_prefix=
                systemctl --user daemon-reload
                return
        fi
        [ -e "$native_prefix/build/build.ninja" ] || meson setup --prefix="$native_prefix" -Dtests=disabled -Dssh_config_dir=no \
                -Duser_unit_dir="$native_prefix/units" -Duser_generator_dir="$native_prefix/generators" \
                "$native_prefix/build" "$top" >/dev/null
        meson install -C "$native_prefix/build" >/dev/null
        PATH=$native_prefix/bin:$PATH
        mkdir -p "$native_units"
        local unit
        for unit in "$native_prefix"/units/*; do
                ln -sf "$unit" "$native_units/"
                native_linked+=("$native_units/$(basename "$unit")")
        done
        local output
        output=$(mktemp -d "$XDG_RUNTIME_DIR/claude-microvm-generated.XXXXXX")
        "$native_prefix/generators/claude-vm-generator" "$output"
        while read -r unit; do
                mkdir -p "$native_units/$(dirname "$unit")"
                cp -P "$output/$unit" "$native_units/$unit"
                native_linked+=("$native_units/$unit")
        done < <(cd "$output" && find . -type f -printf '%P\n')
        rm -r "$output"
        systemctl --user daemon-reload
}

# Takes back what native_activate linked.
native_deactivate() {
        local file
        for file in "${native_linked[@]}"; do
                rm -f "$file"
                rmdir --ignore-fail-on-non-empty "$(dirname "$file")" 2>/dev/null || true
        done
        [ -z "$native_prefix" ] || systemctl --user daemon-reload
}
