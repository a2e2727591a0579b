# What makes no sense is refused, with a hint.
vdisk
vdisk nonsense
vdisk info
vdisk info a b
vdisk info --nonsense
vdisk info -x
vdisk info --format
vdisk list --json=yes
vdisk resize a.img -5
vdisk write a.img
vdisk rebase a.img
vdisk snapshot
vdisk snapshot jump a.img x
vdisk convert a b --progress loud
vdisk create a.img 1M --format nonsense
vdisk stats Q:
vdisk set Q: --read-only
vdisk flush Q:
vdisk reconnect Q:
vdisk close Q:
