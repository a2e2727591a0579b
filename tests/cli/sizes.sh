# One grammar of sizes: a number, and K, M, G or T.
for size in 0 0K abc 1x 1.5 1KB "" " 1" 1e3 0x10 9223372036854775808 16777216T 8388608T; do
    vdisk create never.img "$size"
done
ls -A
for size in 512 4K 4k 3M 1G 5T; do
    vdisk create "$size.img" "$size"
    stat -c '%n %s' "$size.img"
done
vdisk create odd.img 1000
ls -A
vdisk create never.vmdk 64M --sector-size 4096
vdisk create never.vhd 64M --sector-size 4096
vdisk create never.vmdk 5T
