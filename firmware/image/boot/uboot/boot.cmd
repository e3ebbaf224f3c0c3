# Run by U-Boot where the board's start program starts that: takes the proven slot, or once the one on trial.
# The choice is two sectors of the partition `choice`, each with a checksum, kept by usr/lib/bucky/boot-choice; the first
# whole one counts. U-Boot tells the disk (devtype, devnum) and where memory is free (kernel_addr_r); its own addresses
# further up are too close for a kernel of more than 36 MiB.
setexpr tree ${kernel_addr_r} + 0x7000000
setexpr ramdisk ${kernel_addr_r} + 0x7100000
${devtype} dev ${devnum}
part start ${devtype} ${devnum} choice first
setexpr second ${first} + 0x2000
setenv bucky_proven
for at in ${first} ${second}; do
    if test -z "${bucky_proven}"; then
        if ${devtype} read ${kernel_addr_r} ${at} 1; then
            env import -c ${kernel_addr_r} 0x200 bucky_proven bucky_next bucky_tries
        fi
    fi
done
if test -z "${bucky_proven}"; then
    echo "bucky: no boot choice; A has to prove itself, then B"
    setenv bucky_proven B
    setenv bucky_next A
    setenv bucky_tries 1
fi
setenv slots "${bucky_proven}"
if test "${bucky_next}" != "${bucky_proven}" -a "${bucky_tries}" = "1"; then
    # a trial that cannot be noted is not begun: a slot that hangs would be started again and again
    setenv bucky_tries 0
    env export -c -s 0x200 ${kernel_addr_r} bucky_next bucky_proven bucky_tries
    if ${devtype} write ${kernel_addr_r} ${first} 1; then setenv slots "${bucky_next}"; fi
    ${devtype} write ${kernel_addr_r} ${second} 1
fi
# the other one where a slot holds no kernel
if test "${slots}" = "A"; then setenv slots "A B"; else setenv slots "B A"; fi
fdt addr ${fdtcontroladdr}
fdt get value given /chosen bootargs
fdt move ${fdtcontroladdr} ${tree}
fdt resize 0x4000
# a TPM 2.0 on the second select line of the first SPI bus (GPIO 7 to 11), where boards for the Pi have it: Debian's trees
# name none
setenv spi /soc/spi@7e204000
if fdt get value pins /soc/gpio@7e200000/spi0-gpio7 phandle; then
    fdt set ${spi} pinctrl-names default
    fdt set ${spi} pinctrl-0 <${pins}>
    fdt set ${spi} status okay
    fdt mknode ${spi} tpm@1
    fdt set ${spi}/tpm@1 compatible infineon,slb9670 tcg,tpm_tis-spi
    fdt set ${spi}/tpm@1 reg <1>
    fdt set ${spi}/tpm@1 spi-max-frequency <32000000>
fi
for slot in ${slots}; do
    echo "bucky: slot ${slot}"
    if test "${slot}" = "A"; then setenv bootpart 2; else setenv bootpart 3; fi
    setenv bootargs "${given} bucky.start=u-boot bucky.slot=${slot} rauc.slot=${slot}"
    if load ${devtype} ${devnum}:${bootpart} ${kernel_addr_r} vmlinuz; then
        if load ${devtype} ${devnum}:${bootpart} ${ramdisk} initramfs; then
            booti ${kernel_addr_r} ${ramdisk}:${filesize} ${tree}
        fi
    fi
done
# what could not be started is no reason to stand still
reset
