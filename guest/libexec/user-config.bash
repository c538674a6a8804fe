# The user's own configuration of the agent (UserConfig=): what the host shows of it is linked into the agent's
# directory where that has none of its own, and settings are copied the same way. Sourced by setup.

# link_user_config SHARE DIRECTORY: both may be missing. A directory stays the agent's, so that it can add to
# it; what is in it is linked one by one.
link_user_config() {
        local share=$1 own=$2 path name entry stale=() links

        # links of an earlier start, to what is not there any more
        for path in "$own"/* "$own"/{agents,commands,output-styles,prompts,rules,skills}/*; do
                [[ ! -L $path || -e $path || $(readlink -- "$path") != "$share"/* ]] || stale+=("$path")
        done
        [ ${#stale[@]} = 0 ] || rm -f -- "${stale[@]}"

        for path in "$share"/*; do
                name=${path##*/} links=()
                # Claude Code takes plugins from where they are
                [[ -e $path && $name != plugins ]] || continue
                if [ ! -d "$path" ]; then
                        [[ -e $own/$name || -L $own/$name ]] || { mkdir -p "$own" && ln -s "$path" "$own/$name"; }
                        continue
                fi
                for entry in "$path"/*; do
                        [[ ! -e $entry || -e $own/$name/${entry##*/} || -L $own/$name/${entry##*/} ]] || links+=("$entry")
                done
                [ ${#links[@]} = 0 ] || { mkdir -p "$own/$name" && ln -s -t "$own/$name" -- "${links[@]}"; }
        done
}

# copy_user_settings SETTINGS DIRECTORY: a key that the agent's settings.json does not have, or has from an
# earlier start. What was copied is written down beside it; SETTINGS is empty when nothing is to be copied.
copy_user_settings() {
        local new=${1:-'{}'} own=$2/settings.json record=$2/.claude-vm-settings.json has='{}' last='{}'

        [[ $new != '{}' || -e $record ]] || return 0
        [ ! -s "$own" ] || has=$(<"$own")
        [ ! -s "$record" ] || last=$(<"$record")
        [[ $new != "$last" || ! -e $own ]] || return 0
        mkdir -p "$2"
        if ! (umask 077 && jq --null-input --argjson new "$new" --argjson has "$has" --argjson last "$last" \
                '$new + ($has | with_entries(select(.key as $k | ($last | has($k) | not) or $last[$k] != .value)))' >"$own.$$"); then
                rm -f "$own.$$"
                return 1
        fi
        mv "$own.$$" "$own"
        if [ "$new" = '{}' ]; then rm -f "$record"; else (umask 077 && echo "$new" >"$record"); fi
}
