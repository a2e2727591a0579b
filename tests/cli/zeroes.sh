# Zeros that are written take no space where they need not; what is written over is freed.
vdisk create disk.qcow2 4M
vdisk create stored.qcow2 4M
head -c 1M /dev/zero | "$program" write disk.qcow2 --offset 0 --detect-zeroes
head -c 1M /dev/zero | "$program" write stored.qcow2 --offset 0
vdisk map disk.qcow2
vdisk map stored.qcow2
{ head -c 131072 /dev/zero; printf 'data'; } | "$program" write disk.qcow2 --offset 0 --detect-zeroes
vdisk map disk.qcow2
{ head -c 262144 /dev/zero; } | "$program" write disk.qcow2 --offset 0 --detect-zeroes
vdisk map disk.qcow2
vdisk check disk.qcow2
vdisk create disk.img 1M
head -c 1M /dev/zero | "$program" write disk.img --offset 0 --detect-zeroes
[ $(stat -c %b disk.img) -ge 2048 ] && echo "a raw image stores them"
