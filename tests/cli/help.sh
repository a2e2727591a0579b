# Help for every command comes from the one table.
vdisk help
vdisk help exit-codes
vdisk help formats
for command in $(vdisk help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    vdisk help $command
done
vdisk info --help
vdisk help nonsense
