/* The driver package (VirtualDisk.inf and what it names), which lies beside this program. */
#ifndef VIRTUALDISK_CONTROL_PACKAGE_H
#define VIRTUALDISK_CONTROL_PACKAGE_H

#include "exit_code.h"

#include <wchar.h>

/* The full path of the INF; NULL, said, when it is not there. Free with vdisk_free. */
wchar_t *vdisk_package_inf_path(void);

/* Puts the package into the system's store of drivers. */
enum vdisk_exit vdisk_package_install(void);

/* The same, when the driver has never been used here. */
enum vdisk_exit vdisk_package_ensure_installed(void);

/* Removes the driver from the system; no device may be left. */
enum vdisk_exit vdisk_package_uninstall(void);

#endif
