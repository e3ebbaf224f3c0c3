# The root: the slot's read-only image, a /var in memory, the opened data below it.

mount_kernel_filesystems() {
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t devtmpfs devtmpfs /dev
  mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /run
}

# The value of an argument of the kernel's command line.
argument() {
  for word in $(cat "${CMDLINE:-/proc/cmdline}"); do
    case "$word" in "$1="*) echo "${word#*=}"; return 0 ;; esac
  done
  return 1
}

# The slot, A or B: told by the kernel's argument, else by the partition from which the board's start program took the
# kernel (big-endian number in the device tree).
booted_slot() {
  argument bucky.slot && return 0
  from=${BOOT_PARTITION:-/proc/device-tree/chosen/bootloader/partition}
  case "$(od -An -tu1 "$from" 2>/dev/null | tr -s ' ')" in
    " 0 0 0 2") echo A ;;
    " 0 0 0 3") echo B ;;
    *) return 1 ;;
  esac
}

# Join root (device) and /dev/mapper/data below /sysroot; the machine's id comes from the data's own, so that it is made
# with it and needs no file that could be copied.
join_root() {
  mount -t squashfs -o ro "$1" /sysroot || return 1
  mkdir -p /run/var
  mount -t tmpfs -o mode=0755,size=25% tmpfs /run/var || return 1
  mkdir /run/var/new /run/var/work
  mount -t overlay -o lowerdir=/sysroot/var,upperdir=/run/var/new,workdir=/run/var/work var /sysroot/var || return 1
  mount -t ext4 -o noatime,nosuid,nodev,errors=remount-ro /dev/mapper/data /sysroot/var/lib/bucky || return 1
  mkdir -p /run/bucky
  echo "$slot" >/run/bucky/slot
  echo "$2" >/run/machine-id
  mount --bind /run/machine-id /sysroot/etc/machine-id || return 1
  for name in dev proc sys run; do mount --move "/$name" "/sysroot/$name"; done
}
