# The driver is removed with every device, and installed again by the next open.
open_disk()
{
    vdisk open disk.img 1 --letter Q: | sed -n 's/^Letter: */letter /p'
}
vdisk install
open_disk
vdisk uninstall
vdisk list
vdisk close Q:
vdisk uninstall
open_disk
vdisk close disk.img | sed 's/Z:.*\\/FOLDER\\/'
