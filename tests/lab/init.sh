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

# The server's root holds nothing of the machine but its programs, libraries,
# settings and devices. What is written to them lies over the machine's files,
# which none of it reaches.
mount -t tmpfs -o size=20g,mode=0755 lab-files /run
cd /run
mkdir root.lower root.upper root.work root
mount -t overlay -o lowerdir=/run/root.lower,upperdir=/run/root.upper,workdir=/run/root.work lab-root root
for place in bin sbin lib lib32 lib64 libx32 etc usr; do
    if [ -L "/$place" ]; then
        cp -P "/$place" "root/$place"
    elif [ -d "/$place" ]; then
        mkdir "$place.upper" "$place.work" "root/$place"
        mount -t overlay -o "lowerdir=/$place,upperdir=/run/$place.upper,workdir=/run/$place.work" "lab-$place" "root/$place"
    fi
done
cd root
mkdir -p .machine dev home mnt opt/weka proc root run srv sys tmp usr/include var/lib var/log var/tmp
mount --rbind /dev dev
mount -t tmpfs -o mode=0755 lab-run run
mkdir -p run/sshd run/lab/shared run/lab/weka run/lab/files run/lab/proc
# Through this the size of the root can be changed.
mount --bind /run run/lab/files
: >run/lab/checker
: >run/lab/weka-standin
mount --bind "$LAB_DIR/shared" run/lab/shared
mount --bind "$LAB_CHECKER" run/lab/checker
mount --bind "$LAB_STANDIN" run/lab/weka-standin
mount -t tmpfs -o mode=1777 lab-tmp tmp
# A disk of its own for WEKA: not a RAM disk to whoever looks at the mounts.
mount -t tmpfs -o size=200g,mode=0755 lab-disk run/lab/weka
mkdir run/lab/weka/lower run/lab/weka/files run/lab/weka/work
disk=/run/root/run/lab/weka
mount -t overlay -o "lowerdir=$disk/lower,upperdir=$disk/files,workdir=$disk/work" lab-weka opt/weka

# The server's files. What they replace may be a link to elsewhere (/etc/os-release),
# and none of the machine's keys, modules and header files may play a part.
files=$LAB_DIR/server-$LAB_NUMBER
rm -rf etc/ssh usr/include/libelf
cp -R --preserve=mode --remove-destination "$files/etc/." etc/
cp -R --preserve=mode --remove-destination "$files/bin/." usr/bin/
cp -R --preserve=mode "$files/root/." root/
cp -R --preserve=mode "$files/weka/." opt/weka/
cp -R --preserve=mode "$files/sys/." sys/
cp "$files/proc/"* run/lab/proc/
mkdir -p opt/weka/logs opt/weka/traces
ln -s /run var/run
ln -sf /run/lab/checker usr/bin/checker

mount -t proc proc proc
# What the machine's kernel tells of its hardware is not this server's.
for file in cpuinfo meminfo cmdline; do
    mount --bind "run/lab/proc/$file" "proc/$file"
done
pivot_root . .machine
cd /
umount -l /.machine
rmdir /.machine
echo "$LAB_HOSTNAME" >/proc/sys/kernel/hostname

# Headers of the running kernel, as far as they are looked at.
read -r kernel </proc/sys/kernel/osrelease
[ -d /lib/modules ] || mkdir /lib/modules
mount -t tmpfs -o mode=0755 lab-modules /lib/modules
mkdir -p "/lib/modules/$kernel/build/include/linux"
echo '# of the lab' >"/lib/modules/$kernel/build/Makefile"
echo 'struct address_space_operations { int (*dirty_folio)(void); };' >"/lib/modules/$kernel/build/include/linux/fs.h"
: >/usr/include/libelf.h

# Where the kernel has version 1 of the control groups, this server does too.
mkdir -p /sys/fs/cgroup/unified /sys/fs/cgroup/first
mount -t cgroup2 lab-cgroup2 /sys/fs/cgroup/unified 2>/run/lab/cgroups || :
for controller in freezer devices net_cls; do
    if mount -t cgroup -o "$controller" lab-cgroup /sys/fs/cgroup/first 2>>/run/lab/cgroups; then
        echo "$controller" >/run/lab/first
        break
    fi
done

/usr/sbin/sshd -E /var/log/sshd.log

read -r go
[ "$go" = go ]
ip -batch - <<END
link set lo up
addr add $LAB_IPV4/24 dev eth0
addr add $LAB_IPV6/64 dev eth0 nodad
link set eth0 up
END

# sshd writes this file once it listens.
tries=0
until [ -s /run/sshd.pid ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 500 ]
    sleep 0.01
done
echo ready

while read -r _; do :; done
