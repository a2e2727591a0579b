vdisk version
vdisk --version
