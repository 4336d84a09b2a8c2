#!/bin/bash
# A systemd of one user where the machine itself has none: in namespaces of its own, with a /run, a journal and a cgroup of its own,
# all gone when it ends, which it does when its standard input closes: also when the tests are killed. Needs root. Run by UserSystemd.cs as
#   unshare --mount --pid --fork --kill-child --mount-proc user-systemd.sh UID HOME CHECKOUT
# The user finds HOME at /home/relay-test, and the checkout at /mnt.
set -euo pipefail
uid=$1 home=$2 checkout=$3
mount --make-rprivate /
# The checkout may lie where only root gets to.
mount --bind "$checkout" /mnt
mount -t tmpfs -o mode=755 tmpfs /run
# Not below /tmp, of which a service may have one of its own.
mount -t tmpfs -o mode=755 tmpfs /home
mkdir /home/relay-test
mount --bind "$home" /home/relay-test
home=/home/relay-test
# A user with a name, which dbus insists on.
(cat /etc/passwd && echo "relay-test:x:$uid:$uid::$home:/bin/bash") >/run/passwd
(cat /etc/group && echo "relay-test:x:$uid:") >/run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
# What systemd takes for its having booted the machine.
mkdir -p /run/systemd/system /run/systemd/unit-root /run/user/"$uid"
chown "$uid" /run/user/"$uid"
chmod 700 /run/user/"$uid"
mount -t tmpfs -o mode=755 tmpfs /var/log
# Kept apart by user, which the journal does only with what it keeps; and so from the start.
mkdir -p /var/log/journal /run/systemd/journal
touch /run/systemd/journal/flushed
[ -s /etc/machine-id ] || systemd-machine-id-setup
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
# Groups outlive their processes; those of machines that have ended go now. The kernel keeps one that is in use.
find /sys/fs/cgroup/claude-relay-test-* -depth -type d -exec rmdir {} + 2>/dev/null || true
group=/sys/fs/cgroup/claude-relay-test-$BASHPID-$RANDOM
mkdir "$group"
echo $BASHPID >"$group/cgroup.procs"
# Not as process 1, which systemd takes for something else; and in a group of the name by which the journal knows a user's units.
exec 3<&0
unshare --cgroup bash -euc '
  umount /sys/fs/cgroup
  mount -t cgroup2 none /sys/fs/cgroup
  /lib/systemd/systemd-journald &
  service=/sys/fs/cgroup/user.slice/user-$1.slice/user@$1.service
  mkdir -p "$service"
  chown "$1" "$service" "$service"/cgroup.{procs,threads,subtree_control}
  echo $$ >"$service/cgroup.procs"
  exec setpriv --reuid "$1" --regid "$1" --clear-groups env -i \
    HOME="$2" PATH=/usr/bin:/bin XDG_RUNTIME_DIR=/run/user/"$1" SYSTEMD_LOG_TARGET=journal /lib/systemd/systemd --user --unit=basic.target
' bash "$uid" "$home" </dev/null 3<&- &
machine=$!
(cat <&3 >/dev/null; kill -s KILL "$machine") &
wait "$machine"
