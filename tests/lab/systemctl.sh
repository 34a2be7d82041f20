#!/bin/sh
# Stands in for systemctl: the units are the lines of /etc/lab/units,
# `name load active sub file-state`. It knows `show -p … UNIT…` and
# `is-active UNIT`, prints what the real one prints, and refuses the rest.

refuse() {
    echo "systemctl of the test lab: $*" >&2
    exit 64
}

# Sets load, active, sub and state of a unit; of one that there is not, as systemd does.
look_up() {
    load=not-found active=inactive sub=dead state=
    while read -r name l a s f; do
        if [ "$name" = "$1" ]; then
            load=$l active=$a sub=$s state=$f
            return
        fi
    done </etc/lab/units
}

verb= properties= units=
while [ $# -gt 0 ]; do
    case $1 in
    -p | --property) properties=$properties,$2 && shift ;;
    -p*) properties=$properties,${1#-p} ;;
    --property=*) properties=$properties,${1#*=} ;;
    --no-pager | --quiet | -q | --) ;;
    -*) refuse "unknown option $1" ;;
    show | is-active) [ -n "$verb" ] && units="$units $1" || verb=$1 ;;
    *)
        [ -n "$verb" ] || refuse "unknown command $1"
        case $1 in
        *.service | *.socket | *.target) units="$units $1" ;;
        *) units="$units $1.service" ;;
        esac
        ;;
    esac
    shift
done

case $verb in
show)
    first=yes
    for unit in $units; do
        look_up "$unit"
        [ $first = yes ] || echo
        first=no
        # The order is systemd's, whatever the order of the options.
        for line in "Id=$unit" "LoadState=$load" "ActiveState=$active" "SubState=$sub" "UnitFileState=$state"; do
            case "$properties," in
            , | *",${line%%=*},"*) echo "$line" ;;
            esac
        done
    done
    ;;
is-active)
    status=3
    for unit in $units; do
        look_up "$unit"
        echo "$active"
        [ "$active" = active ] && status=0
    done
    exit $status
    ;;
*) refuse "no command" ;;
esac
