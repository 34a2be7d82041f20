#!/bin/sh
# Installs the Debian packages that building and testing need and that this
# machine lacks. As another user than root it only names them. Nothing that is
# installed here is started.
set -eu

# `program package…`: the packages that bring a program.
missing=
while read -r program packages; do
    command -v "$program" >/dev/null 2>&1 || [ -x "/usr/sbin/$program" ] || missing="$missing $packages"
done <<'EOF'
cc gcc libc6-dev
perl perl
ssh openssh-client
sshd openssh-server
ip iproute2
sudo sudo
busybox busybox
bash bash
pgrep procps
unshare util-linux
openssl openssl
EOF
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "setup: missing packages:$missing" >&2
    echo "setup: run as root: apt-get install$missing" >&2
    echo "setup: the end-to-end tests need root too; without it they are skipped, by name" >&2
    # Where all tests must run, a part that is missing is a failure.
    [ "${CI:-}" != true ] || exit 1
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "setup: there is no apt-get here; install:$missing" >&2
    exit 1
fi

# A package that is installed asks this program whether it may start its services.
policy=/usr/sbin/policy-rc.d
saved=$policy.saved-by-checker-tests
restore() {
    rm -f "$policy"
    [ ! -e "$saved" ] || mv "$saved" "$policy"
}
# Left over from a run that was killed: what was saved is the true one.
[ ! -e "$saved" ] || restore
[ ! -e "$policy" ] || mv "$policy" "$saved"
trap restore EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

echo "setup: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# The list is split into words on purpose.
# shellcheck disable=SC2086
apt-get install -qq -y --no-install-recommends $missing >/dev/null

# Tests shall not open the machine to logins at its next start either.
case $missing in
*openssh-server*)
    ! command -v systemctl >/dev/null || systemctl disable ssh.service ssh.socket >/dev/null 2>&1 || true
    ;;
esac
