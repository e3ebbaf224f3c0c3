# The disk: partitions by name, growing, the encrypted data partition.
# SYS and DEV are elsewhere in tests.
: "${SYS:=/sys}" "${DEV:=/dev}" "${KEYS:=/lib/bucky/keys}"

MIB=1048576
PAYLOAD=$((32 * MIB))
MARK=$((24 * MIB)) # our sector between keyslots and payload; luksFormat clears it first of all
KEPT="bucky: something is kept here"

# The device of the partition with this name in the partition table; waits for slow disks.
partition() {
  tries=0
  while [ "$tries" -lt "${PATIENCE:-300}" ]; do
    for entry in "$SYS"/class/block/*/uevent; do
      if grep -qx "PARTNAME=$1" "$entry" 2>/dev/null; then
        echo "$DEV/$(sed -n 's/^DEVNAME=//p' "$entry")"
        return 0
      fi
    done
    tries=$((tries + 1))
    sleep 0.1
  done
  return 1
}

# The disk that holds a partition, and the partition's number.
disk_of() { echo "$DEV/$(basename "$(dirname "$(readlink -f "$SYS/class/block/$(basename "$1")")")")"; }
number_of() { cat "$SYS/class/block/$(basename "$1")/partition"; }

# Let the last partition reach to the end of the disk, if more than 1 MiB is free behind it.
use_whole_disk() {
  disk=$(disk_of "$1")
  entry="$SYS/class/block/$(basename "$1")"
  end=$(($(cat "$entry/start") + $(cat "$entry/size")))
  if [ $(($(cat "$SYS/class/block/$(basename "$disk")/size") - end)) -gt 4096 ]; then
    sfdisk --quiet --relocate gpt-bak-std "$disk"
    echo ",+" | sfdisk --quiet --force --no-reread --no-tell-kernel -N "$(number_of "$1")" "$disk"
    sync
    blockdev --rereadpt "$disk"
  fi
}

# Whether the sector says that something is kept here; say so.
is_kept() { [ "$(dd if="$1" bs=512 skip=$((MARK / 512)) count=1 2>/dev/null | tr -d '\000')" = "$KEPT" ]; }
mark_kept() {
  { printf '%s' "$KEPT"; dd if=/dev/zero bs=512 count=1 2>/dev/null; } | head -c 512 |
    dd of="$1" bs=512 seek=$((MARK / 512)) count=1 iflag=fullblock conv=notrunc 2>/dev/null
  sync
}

# Open the data partition as /dev/mapper/data. Where the mark says that something is kept, it is never formatted: a
# damaged header must not cost what may still be rescued. Without the mark it is, unless it opens and is sound: a power
# cut on the way only means that the next boot begins anew.
open_data() {
  key_into /run/key "$2" || return 1
  if is_kept "$1"; then
    open_sound "$1" || return 1
  elif open_sound "$1" 2>/dev/null; then
    mark_kept "$1"
  else
    [ ! -e "$DEV/mapper/data" ] || cryptsetup close data
    format "$1" || return 1
    mark_kept "$1"
  fi
  rm -f /run/key
}

open_sound() {
  cryptsetup open --allow-discards --key-file /run/key "$1" data || return 1
  status=0
  e2fsck -p "$DEV/mapper/data" >/dev/null || status=$?
  [ "$status" -lt 4 ] # 1 and 2: mended (e2fsck(8))
}

format() {
  cryptsetup luksFormat --batch-mode --type luks2 --offset $((PAYLOAD / 512)) --luks2-keyslots-size 8m \
    --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /run/key "$1" || return 1
  cryptsetup open --allow-discards --key-file /run/key "$1" data || return 1
  /sbin/mke2fs -q -t ext4 -m 1 -L data "$DEV/mapper/data" || return 1 # by its path: busybox would take its own
  sync
}

# The key of the disk from its source ("otp", "tpm", "file:PATH") into a file in memory, for this boot alone.
key_into() {
  case "$2" in
    otp | tpm | file:*) ;;
    *) echo "bucky: no such source of keys: $2" >&2; return 1 ;;
  esac
  (umask 077; "$KEYS/${2%%:*}" "${2#*:}" >"$1") || return 1
  [ "$(wc -c <"$1")" -ge 32 ] || { echo "bucky: the key is too short" >&2; return 1; }
}
