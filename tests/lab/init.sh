# The first process of one server of the lab; it lives as long as the lab
# holds its standard input open, and everything on the server ends with it.
#
# It runs in network, mount, PID and UTS namespaces of its own. Nothing that it
# mounts or writes is seen outside, except in "$LAB_DIR/shared".
#
# In: LAB_DIR, LAB_NUMBER, LAB_HOSTNAME, LAB_IPV4, LAB_IPV6, LAB_CHECKER, LAB_STANDIN.
# Out: `pid N`, and once sshd listens and the link is up, `ready`.

# The machine's /proc is still mounted here, so this is the number by which
# the machine knows this process.
read -r pid _ </proc/self/stat
echo "pid $pid"

mount -t proc proc /proc
echo "$LAB_HOSTNAME" >/proc/sys/kernel/hostname

# What the server needs from places that are hidden below is brought to /run first.
mount -t tmpfs -o mode=0755 lab-run /run
mkdir -p /run/sshd /run/lab/shared /run/lab/setup /run/lab/etc.upper /run/lab/etc.work /run/lab/bin.upper /run/lab/bin.work
: >/run/lab/checker
: >/run/lab/weka-standin
mount --bind "$LAB_DIR/shared" /run/lab/shared
mount --bind "$LAB_DIR/server-$LAB_NUMBER" /run/lab/setup
mount --bind "$LAB_CHECKER" /run/lab/checker
mount --bind "$LAB_STANDIN" /run/lab/weka-standin

# These can be written to; what is written lies over the machine's own files.
mount -t overlay -o lowerdir=/etc,upperdir=/run/lab/etc.upper,workdir=/run/lab/etc.work lab-etc /etc
mount -t overlay -o lowerdir=/usr/bin,upperdir=/run/lab/bin.upper,workdir=/run/lab/bin.work lab-bin /usr/bin
# These are empty: none of the machine's keys, releases or logs may play a part.
mount -t tmpfs -o mode=0755 lab-ssh /etc/ssh
mount -t tmpfs -o mode=0755 lab-opt /opt
mount -t tmpfs -o mode=0700 lab-root /root
mount -t tmpfs -o mode=0755 lab-home /home
mount -t tmpfs -o mode=0755 lab-log /var/log
mount -t tmpfs -o mode=1777 lab-tmp /tmp
mkdir /opt/weka
mount -t tmpfs -o size=200g,mode=0755 lab-weka /opt/weka

# The server's files. What they replace may be a link to elsewhere (/etc/os-release).
cp -R --preserve=mode --remove-destination /run/lab/setup/etc/. /etc/
cp -R --preserve=mode --remove-destination /run/lab/setup/bin/. /usr/bin/
cp -R --preserve=mode /run/lab/setup/root/. /root/
cp -R --preserve=mode /run/lab/setup/weka/. /opt/weka/
mkdir -p /opt/weka/logs /opt/weka/traces
umount /run/lab/setup
ln -sf /run/lab/checker /usr/bin/checker

/usr/sbin/sshd -E /var/log/sshd.log

read -r go
[ "$go" = go ]
ip -batch - <<EOF
link set lo up
addr add $LAB_IPV4/24 dev eth0
addr add $LAB_IPV6/64 dev eth0 nodad
link set eth0 up
EOF

# sshd writes this file once it listens.
tries=0
until [ -s /run/sshd.pid ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 500 ]
    sleep 0.01
done
echo ready

while read -r _; do :; done
