# A disk that is full in the middle of a conversion: said, and nothing is left.
head -c 4194304 /dev/urandom >source.img
(
    trap '' XFSZ
    ulimit -f 2048
    vdisk convert source.img target.raw
    vdisk create fixed.raw 4M --fixed
)
ls -A
