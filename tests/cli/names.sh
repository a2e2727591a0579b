# A name that promises another format than the file has: what lost its footer is not simply raw.
vdisk create fixed.vhd 1M --fixed
truncate -s -512 fixed.vhd
vdisk info fixed.vhd
vdisk check fixed.vhd
vdisk check fixed.vhd --json
vdisk check fixed.vhd --format raw
vdisk info fixed.vhd --format raw | head -n 2
vdisk convert fixed.vhd copy.raw

# Extents of a VMDK are raw, and called so.
vdisk create disk.vmdk 1M --subformat monolithicFlat
vdisk check disk-flat.vmdk
vdisk create split.vmdk 1M --subformat twoGbMaxExtentFlat
vdisk check split-f001.vmdk

# The ending counts in any case.
vdisk create LOUD.VHD 1M
vdisk info LOUD.VHD | grep Format
truncate -s 1M LOUD.QCOW2
vdisk check LOUD.QCOW2
