# Devices need Windows or Wine.
vdisk open disk.img
vdisk close disk.img
vdisk list
vdisk install
vdisk uninstall
ls -A
