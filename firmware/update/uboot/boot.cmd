# Starts a slot where a board starts by U-Boot: the one on trial once, else the proven one. Kept by usr/lib/bucky/boot-choice.
# `mkimage -A arm64 -T script -C none -d boot.cmd boot.scr`; U-Boot gives devtype, devnum, and addresses.
test -n "${bucky_proven}" || setenv bucky_proven A
setenv slot ${bucky_proven}
if test -n "${bucky_next}" -a "${bucky_next}" != "${bucky_proven}" -a "${bucky_tries}" = "1"; then
    setenv bucky_tries 0
    if saveenv; then setenv slot ${bucky_next}; fi
fi
setenv bootpart 2
test "${slot}" = "A" || setenv bootpart 3
echo "bucky: slot ${slot}"
setenv bootargs "${bootargs} bucky.slot=${slot} rauc.slot=${slot}"
load ${devtype} ${devnum}:${bootpart} ${kernel_addr_r} vmlinuz
load ${devtype} ${devnum}:${bootpart} ${ramdisk_addr_r} initramfs
booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdtcontroladdr}
# what could not be started is no reason to stand still
reset
