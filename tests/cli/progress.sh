# Progress for programs ends at 100 percent; in a pipe there is none unless asked.
head -c 3145728 /dev/zero >source.img
printf 'x' | dd of=source.img conv=notrunc status=none
vdisk convert source.img quiet.raw
vdisk convert source.img loud.raw --progress json |
    sed 's/"bytes-per-second": [0-9]*/"bytes-per-second": N/'
vdisk convert source.img none.raw --progress none
